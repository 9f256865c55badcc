#include "common/uuid.h"

#include <uuid/uuid.h>

namespace weft {

std::string NewUuid() {
  uuid_t raw;
  uuid_generate_random(raw);
  char text[UUID_STR_LEN];
  uuid_unparse_lower(raw, text);
  return text;
}

bool IsUuid(std::string_view text) {
  uuid_t raw;
  return uuid_parse(std::string(text).c_str(), raw) == 0;
}

}  // namespace weft
