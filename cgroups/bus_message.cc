#include "cgroups/bus_message.h"

#include <array>
#include <cstring>

namespace cgroups {
namespace {

constexpr uint8_t kMethodCall = 1;
constexpr uint8_t kVersion = 1;
// "Header Fields"
constexpr uint8_t kPath = 1;
constexpr uint8_t kInterface = 2;
constexpr uint8_t kMember = 3;
constexpr uint8_t kErrorName = 4;
constexpr uint8_t kReplySerial = 5;
constexpr uint8_t kDestination = 6;
constexpr uint8_t kSignature = 8;

void text_field(BusWriter& writer, uint8_t code, char type, const std::string& text) {
  if (text.empty()) return;
  writer.align(8);
  writer.byte(code);
  writer.signature({&type, 1});
  if (type == 'g') {
    writer.signature(text);
  } else {
    writer.string(text);
  }
}

uint32_t number_at(std::string_view bytes, size_t position) {
  uint32_t value = 0;
  for (size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[position + i])) << (8 * i);
  return value;
}

size_t padded(size_t size) {
  return (size + 7) / 8 * 8;
}

Result<void> read_field(BusReader& reader, BusMessage& message) {
  TRY(reader.align(8));
  const uint8_t code = TRY(reader.byte());
  const std::string type = TRY(reader.signature());
  if (type == "u") {
    const uint32_t value = TRY(reader.u32());
    if (code == kReplySerial) message.reply_serial = value;
    return ok();
  }
  if (type != "s" && type != "o" && type != "g") return corrupt("D-Bus: a header field of unknown type");
  std::string text = TRY(type == "g" ? reader.signature() : reader.string());
  if (code == kPath) {
    message.path = std::move(text);
  } else if (code == kMember) {
    message.member = std::move(text);
  } else if (code == kErrorName) {
    message.error_name = std::move(text);
  }
  return ok();
}

}  // namespace

void BusWriter::number(uint64_t value, size_t size) {
  align(size);
  for (size_t i = 0; i < size; ++i)
    byte(static_cast<uint8_t>(value >> (8 * i)));
}

void BusWriter::string(std::string_view text) {
  u32(static_cast<uint32_t>(text.size()));
  bytes_.append(text);
  byte(0);
}

void BusWriter::signature(std::string_view text) {
  byte(static_cast<uint8_t>(text.size()));
  bytes_.append(text);
  byte(0);
}

size_t BusWriter::begin_array(size_t element) {
  u32(0);
  const size_t mark = bytes_.size() - 4;
  align(element);  // not counted in the length
  starts_.push_back(bytes_.size());
  return mark;
}

void BusWriter::end_array(size_t mark) {
  const size_t length = bytes_.size() - starts_.back();
  starts_.pop_back();
  for (size_t i = 0; i < 4; ++i)
    bytes_[mark + i] = static_cast<char>(length >> (8 * i));
}

namespace {
// The alignment of a byte, a number, a text; of a structure.
template <typename T>
constexpr size_t kAlignment = sizeof(T) == 1 ? 1 : 4;
template <typename T>
constexpr size_t kAlignment<std::pair<std::string, T>> = 8;
}  // namespace

template <typename T>
void BusWriter::value(const std::pair<std::string, T>& both) {
  align(8);
  value(both.first);
  value(both.second);
}

template <typename T>
void BusWriter::value(const std::vector<T>& values) {
  const size_t mark = begin_array(kAlignment<T>);
  for (const T& one : values)
    value(one);
  end_array(mark);
}

void BusWriter::property(std::string_view name, const BusValue& value) {
  constexpr std::array<const char*, std::variant_size_v<BusValue>> kTypes = {
      "b", "i", "u", "t", "s", "as", "ay", "au", "a(st)", "a(ss)"};
  align(8);
  string(name);
  signature(kTypes.at(value.index()));
  std::visit([this](const auto& held) { this->value(held); }, value);
}

Result<void> BusReader::align(size_t boundary) {
  position_ = (position_ + boundary - 1) / boundary * boundary;
  if (position_ > bytes_.size()) return corrupt("D-Bus: a message is cut");
  return ok();
}

Result<uint8_t> BusReader::byte() {
  if (position_ >= bytes_.size()) return corrupt("D-Bus: a message is cut");
  return static_cast<uint8_t>(bytes_[position_++]);
}

Result<uint32_t> BusReader::u32() {
  TRY(align(4));
  if (bytes_.size() - position_ < 4) return corrupt("D-Bus: a message is cut");
  const uint32_t value = number_at(bytes_, position_);
  position_ += 4;
  return value;
}

Result<std::string> BusReader::string() {
  const uint32_t length = TRY(u32());
  if (bytes_.size() - position_ <= length) return corrupt("D-Bus: a message is cut");
  std::string text(bytes_.substr(position_, length));
  position_ += length + size_t{1};
  return text;
}

Result<std::string> BusReader::signature() {
  const uint8_t length = TRY(byte());
  if (bytes_.size() - position_ <= length) return corrupt("D-Bus: a message is cut");
  std::string text(bytes_.substr(position_, length));
  position_ += length + size_t{1};
  return text;
}

std::string marshal(const BusCall& call, uint32_t serial) {
  BusWriter writer;
  writer.byte('l');
  writer.byte(kMethodCall);
  writer.byte(0);
  writer.byte(kVersion);
  writer.u32(static_cast<uint32_t>(call.body.size()));
  writer.u32(serial);
  const size_t mark = writer.begin_array(8);
  text_field(writer, kPath, 'o', call.path);
  text_field(writer, kInterface, 's', call.interface);
  text_field(writer, kMember, 's', call.member);
  text_field(writer, kDestination, 's', call.destination);
  text_field(writer, kSignature, 'g', call.signature);
  writer.end_array(mark);
  writer.align(8);
  return writer.bytes() + call.body;
}

Result<size_t> bytes_after_head(std::string_view head) {
  constexpr size_t kMost = 1U << 20U;
  if (head.size() < kBusHead || head[0] != 'l') return corrupt("D-Bus: not a little-endian message");
  const size_t body = number_at(head, 4);
  const size_t fields = number_at(head, 12);
  if (body > kMost || fields > kMost) return corrupt("D-Bus: a message is too large");
  return padded(fields) + body;
}

Result<BusMessage> unmarshal(std::string_view bytes) {
  const size_t rest = TRY(bytes_after_head(bytes));
  if (bytes.size() != kBusHead + rest) return corrupt("D-Bus: a message is cut");
  BusMessage message;
  message.type = static_cast<uint8_t>(bytes[1]);
  const size_t end = kBusHead + number_at(bytes, 12);
  BusReader reader(bytes.substr(0, end));
  for (size_t i = 0; i < kBusHead; ++i)
    TRY(reader.byte());
  while (reader.position() < end)
    TRY(read_field(reader, message));
  message.body = bytes.substr(padded(end));
  return message;
}

}  // namespace cgroups
