// The kinds of options: how each reads its texts, and what it says of one that it does not take.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <utility>

#include "common/config/command.h"
#include "common/config/units.h"
#include "common/status.h"

namespace weft::config {
namespace {

absl::Status NotAllowed(std::string_view text, std::string_view allowed) {
  return PosixError(EINVAL,
                    absl::StrCat("\"", std::string(text), "\" is not ", std::string(allowed)));
}

std::string RangeText(const std::string& min, const std::string& max, bool has_max) {
  return has_max ? absl::StrCat(" from ", min, " to ", max) : absl::StrCat(" of at least ", min);
}

bool IsAddress(std::string_view text, bool any_port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) return false;
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  return error == std::errc() && stop == end && (any_port || port != 0);
}

}  // namespace

void Command::AddText(const Spec& spec, std::string* value) {
  Spec named = spec;
  if (named.value.empty()) named.value = "TEXT";
  Declare(named, "", *value, [value](const std::vector<std::string>& texts) {
    *value = texts.back();
    return absl::OkStatus();
  });
}

void Command::AddList(const Spec& spec, std::vector<std::string>* values) {
  Spec named = spec;
  if (named.value.empty()) named.value = "TEXT";
  Declare(named, "", absl::StrJoin(*values, ","),
          [values](const std::vector<std::string>& texts) {
            *values = texts;
            return absl::OkStatus();
          })
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->delimiter(',');
}

void Command::AddFlag(const Spec& spec, bool* value) {
  CLI::Option* const option =
      Declare(spec, "", *value ? "true" : "false", [value](const std::vector<std::string>& texts) {
        const std::string& text = texts.back();
        const bool on = text == "true" || text == "1" || text == "yes" || text == "on";
        const bool off = text == "false" || text == "0" || text == "no" || text == "off";
        if (!on && !off) return NotAllowed(text, "one of true, false, yes, no, on, off, 1, 0");
        *value = on;
        return absl::OkStatus();
      });
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->expected(0);
  if (!*value) option->default_str("");
}

void Command::AddChoice(const Spec& spec, std::vector<std::string> allowed, std::string* value) {
  Spec named = spec;
  if (named.value.empty()) named.value = absl::StrJoin(allowed, "|");
  Declare(named, "", *value,
          [value, allowed = std::move(allowed)](const std::vector<std::string>& texts) {
            for (const std::string& choice : allowed) {
              if (texts.back() != choice) continue;
              *value = choice;
              return absl::OkStatus();
            }
            return NotAllowed(texts.back(), "one of " + absl::StrJoin(allowed, ", "));
          });
}

template <typename Int>
void Command::DeclareNumber(const Spec& spec, Bounds<Int> bounds, Int* value) {
  Spec named = spec;
  if (named.value.empty()) named.value = "N";
  Declare(
      named, "", std::to_string(*value), [value, bounds](const std::vector<std::string>& texts) {
        const std::string& text = texts.back();
        const char* const end = text.data() + text.size();
        Int number = 0;
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        if (error != std::errc() || stop != end || number < bounds.min || number > bounds.max) {
          return NotAllowed(
              text,
              "a whole number" + RangeText(std::to_string(bounds.min), std::to_string(bounds.max),
                                           bounds.max != std::numeric_limits<Int>::max()));
        }
        *value = number;
        return absl::OkStatus();
      });
}

void Command::AddNumber(const Spec& spec, Bounds<uint32_t> bounds, uint32_t* value) {
  DeclareNumber(spec, bounds, value);
}

void Command::AddNumber(const Spec& spec, Bounds<uint64_t> bounds, uint64_t* value) {
  DeclareNumber(spec, bounds, value);
}

void Command::AddSize(const Spec& spec, Bounds<uint64_t> bounds, uint64_t* bytes) {
  Spec named = spec;
  if (named.value.empty()) named.value = "SIZE";
  Declare(named, "bytes", FormatSize(*bytes),
          [bytes, bounds](const std::vector<std::string>& texts) {
            const absl::StatusOr<uint64_t> size = ParseSize(texts.back());
            if (!size.ok()) return NotAllowed(texts.back(), kSizeSyntax);
            if (*size < bounds.min || *size > bounds.max) {
              return NotAllowed(texts.back(),
                                "a size" + RangeText(FormatSize(bounds.min), FormatSize(bounds.max),
                                                     bounds.max != UINT64_MAX));
            }
            *bytes = *size;
            return absl::OkStatus();
          });
}

void Command::AddDuration(const Spec& spec, DurationBounds bounds,
                          std::chrono::milliseconds* duration) {
  const bool has_max = bounds.max != std::chrono::milliseconds::max();
  Spec named = spec;
  if (named.value.empty()) named.value = "DURATION";
  Declare(named, "time", FormatDuration(*duration),
          [duration, bounds, has_max](const std::vector<std::string>& texts) {
            const auto value = ParseDuration(texts.back());
            if (!value.ok()) return NotAllowed(texts.back(), kDurationSyntax);
            if (*value < bounds.min || *value > bounds.max) {
              return NotAllowed(texts.back(),
                                "a duration" + RangeText(FormatDuration(bounds.min),
                                                         FormatDuration(bounds.max), has_max));
            }
            *duration = *value;
            return absl::OkStatus();
          });
}

void Command::AddAddress(const Spec& spec, Port port, std::string* address) {
  Spec named = spec;
  if (named.value.empty()) named.value = "HOST:PORT";
  const bool any_port = port == Port::kAny;
  Declare(named, "", *address, [address, any_port](const std::vector<std::string>& texts) {
    if (!IsAddress(texts.back(), any_port)) {
      return NotAllowed(texts.back(), any_port
                                          ? "host:port with a port from 0 (any free one) to 65535"
                                          : "host:port with a port from 1 to 65535");
    }
    *address = texts.back();
    return absl::OkStatus();
  });
}

}  // namespace weft::config
