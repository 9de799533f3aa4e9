#include "engine/terminal.h"

#include "base/strings.h"

namespace engine {

Result<std::string> parse_detach_keys(const std::string& text) {
  std::string keys;
  if (text.empty()) return keys;
  constexpr char kControl = 0x1f;
  for (const auto& key : split(text, ',')) {
    const std::string name = to_lower(key);
    if (key.size() == 1) {
      keys += key;
    } else if (name.starts_with("ctrl-") && name.size() == 6 &&
               std::string("abcdefghijklmnopqrstuvwxyz@[\\]^_").find(name[5]) != std::string::npos) {
      keys += static_cast<char>(name[5] & kControl);
    } else {
      return invalid("invalid detach keys (" + text + "): Unknown character: '" + key + "'");
    }
  }
  return keys;
}

std::string DetachKeys::filter(std::string_view typed, bool& detached) {
  std::string passed;
  for (const char c : typed) {
    if (!keys_.empty() && c == keys_[matched_]) {
      if (++matched_ < keys_.size()) continue;
      detached = true;
      return passed;
    }
    passed += keys_.substr(0, matched_);
    matched_ = !keys_.empty() && c == keys_[0] ? 1 : 0;
    if (matched_ == 1 && keys_.size() == 1) {
      detached = true;
      return passed;
    }
    if (matched_ == 0) passed += c;
  }
  return passed;
}

}  // namespace engine
