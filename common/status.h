// absl::Status with an exact errno. A file system's errors are errnos; absl::Status carries the text.
//
// Two kinds of error must stay apart: what a server (or the disk) answered, which has an errno, and
// that no answer came, which is kUnavailable or kDeadlineExceeded and has none: see IsTransport.
// Thread-safe: pure functions.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace weft {

// An error that ErrnoOf gives back exactly. `error` must be a positive errno.
[[nodiscard]] absl::Status PosixError(int error, std::string_view message);

// PosixError(errno, "what: strerror(errno)"). Call it right after the failed call.
[[nodiscard]] absl::Status LastError(std::string_view what);

// 0 for OK; the errno of a PosixError; for other codes the closest errno (EIO where there is none).
[[nodiscard]] int ErrnoOf(const absl::Status& status);

// True where no answer came: the call may or may not have been carried out.
[[nodiscard]] bool IsTransport(const absl::Status& status);
[[nodiscard]] absl::Status TransportError(std::string_view message);

// The same error with "context: " before its text; its errno is kept.
[[nodiscard]] absl::Status Annotate(const absl::Status& status, std::string_view context);

// The text of a status, without its code.
[[nodiscard]] std::string MessageOf(const absl::Status& status);

}  // namespace weft

// Leaves the function with the error of `expression`, if it is one.
#define WEFT_RETURN_IF_ERROR(expression)            \
  do {                                              \
    absl::Status weft_status_ = (expression);       \
    if (!weft_status_.ok()) return weft_status_;    \
  } while (false)

#define WEFT_CONCAT_INNER_(a, b) a##b
#define WEFT_CONCAT_(a, b) WEFT_CONCAT_INNER_(a, b)
// WEFT_ASSIGN_OR_RETURN(auto x, F()): x is F()'s value, or the function is left with its error.
#define WEFT_ASSIGN_OR_RETURN(lhs, expression) \
  WEFT_ASSIGN_OR_RETURN_IMPL_(WEFT_CONCAT_(weft_status_or_, __LINE__), lhs, expression)
#define WEFT_ASSIGN_OR_RETURN_IMPL_(temporary, lhs, expression) \
  auto temporary = (expression);                                \
  if (!temporary.ok()) return temporary.status();               \
  lhs = std::move(temporary).value()
