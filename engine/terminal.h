// The keys that detach a terminal from a container; raw mode itself is base/terminal.h's.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace engine {

// "ctrl-p,ctrl-q" or single characters, to the bytes a terminal sends. Empty text: no keys. kInvalid in
// Docker's words.
Result<std::string> parse_detach_keys(const std::string& text);

// Looks for the keys in what is typed. Bytes that may be their beginning are held back until it is clear.
class DetachKeys {
 public:
  explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}
  // What goes on to the container; `detached` is set when the keys were complete.
  std::string filter(std::string_view typed, bool& detached);

 private:
  std::string keys_;
  size_t matched_ = 0;
};

}  // namespace engine
