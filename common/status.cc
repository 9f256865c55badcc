#include "common/status.h"

#include <absl/strings/cord.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace weft {
namespace {

constexpr char kErrnoPayload[] = "weft/errno";

// Codes that stand for one errno, so that the common errors need no payload.
constexpr std::pair<int, absl::StatusCode> kCanonical[] = {
    {ENOENT, absl::StatusCode::kNotFound},
    {EEXIST, absl::StatusCode::kAlreadyExists},
    {EACCES, absl::StatusCode::kPermissionDenied},
    {EINVAL, absl::StatusCode::kInvalidArgument},
    {EAGAIN, absl::StatusCode::kAborted},
    {ENOSPC, absl::StatusCode::kResourceExhausted},
    {EOPNOTSUPP, absl::StatusCode::kUnimplemented},
    {EBADMSG, absl::StatusCode::kDataLoss},
    {ECANCELED, absl::StatusCode::kCancelled},
    {EIO, absl::StatusCode::kInternal},
};

absl::StatusCode CodeOf(int error) {
  for (const auto& [canonical, code] : kCanonical) {
    if (canonical == error) return code;
  }
  return absl::StatusCode::kUnknown;
}

std::optional<int> PayloadErrno(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  int error = EIO;
  std::from_chars(text.data(), text.data() + text.size(), error);
  return error;
}

}  // namespace

absl::Status PosixError(int error, std::string_view message) {
  const absl::StatusCode code = CodeOf(error);
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  if (code == absl::StatusCode::kUnknown) {
    status.SetPayload(kErrnoPayload, absl::Cord(std::to_string(error)));
  }
  return status;
}

absl::Status LastError(std::string_view what) {
  const int error = errno;
  return PosixError(error, std::string(what) + ": " + std::strerror(error));
}

int ErrnoOf(const absl::Status& status) {
  if (status.ok()) return 0;
  if (const auto error = PayloadErrno(status)) return *error;
  for (const auto& [error, code] : kCanonical) {
    if (code == status.code()) return error;
  }
  return EIO;
}

bool IsTransport(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

absl::Status TransportError(std::string_view message) {
  return absl::UnavailableError(absl::string_view(message.data(), message.size()));
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), std::string(context) + ": " + MessageOf(status));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

}  // namespace weft
