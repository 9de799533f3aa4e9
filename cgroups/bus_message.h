// Messages of the D-Bus wire format, as far as one method call to systemd and its answers need it. Our own
// because the programs are static: libsystemd can't be linked into them, and dlopen(3) from a static program
// would load the host's libc beside ours.
// Source: D-Bus specification, "Message Protocol" and "Type System".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace cgroups {

// What a property may hold: b, i, u, t, s, as, ay, au, a(st), a(ss).
using BusNumbers = std::vector<std::pair<std::string, uint64_t>>;
using BusTexts = std::vector<std::pair<std::string, std::string>>;
using BusValue = std::variant<bool, int32_t, uint32_t, uint64_t, std::string, std::vector<std::string>,
                              std::vector<uint8_t>, std::vector<uint32_t>, BusNumbers, BusTexts>;

// Appends values in little-endian order, each aligned as its type wants.
class BusWriter {
 public:
  void align(size_t boundary) { bytes_.resize((bytes_.size() + boundary - 1) / boundary * boundary, '\0'); }
  void byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void boolean(bool value) { u32(value ? 1 : 0); }
  void u32(uint32_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }
  void string(std::string_view text);  // also object paths
  void signature(std::string_view text);
  // The array's length is written by end_array(); `element` is the alignment of what is in it.
  size_t begin_array(size_t element);
  void end_array(size_t mark);

  // A (sv) entry of systemd's property lists.
  void property(std::string_view name, const BusValue& value);
  void property(std::string_view name, const char* text) { property(name, BusValue(std::string(text))); }

  const std::string& bytes() const { return bytes_; }

 private:
  void number(uint64_t value, size_t size);
  void value(bool value) { boolean(value); }
  void value(int32_t value) { u32(static_cast<uint32_t>(value)); }
  void value(uint32_t value) { u32(value); }
  void value(uint64_t value) { u64(value); }
  void value(uint8_t value) { byte(value); }
  void value(const std::string& value) { string(value); }
  template <typename T>
  void value(const std::pair<std::string, T>& both);
  template <typename T>
  void value(const std::vector<T>& values);
  std::string bytes_;
  std::vector<size_t> starts_;  // of the open arrays' content
};

// Reads them; kCorrupt when the bytes end too early.
class BusReader {
 public:
  explicit BusReader(std::string_view bytes) : bytes_(bytes) {}
  Result<uint8_t> byte();
  Result<uint32_t> u32();
  Result<std::string> string();
  Result<std::string> signature();
  Result<void> align(size_t boundary);
  size_t position() const { return position_; }

 private:
  std::string_view bytes_;
  size_t position_ = 0;
};

struct BusCall {
  std::string destination;
  std::string path;
  std::string interface;
  std::string member;
  std::string signature;
  std::string body;  // BusWriter::bytes()
};
std::string marshal(const BusCall& call, uint32_t serial);

struct BusMessage {
  uint8_t type = 0;  // 2 an answer, 3 an error, 4 a signal
  uint32_t reply_serial = 0;
  std::string path;
  std::string member;
  std::string error_name;
  std::string body;
};
// The sizes of what follows the 16 bytes that begin every message. kCorrupt for what is none, or is larger
// than 1 MiB.
inline constexpr size_t kBusHead = 16;
Result<size_t> bytes_after_head(std::string_view head);
Result<BusMessage> unmarshal(std::string_view bytes);

}  // namespace cgroups
