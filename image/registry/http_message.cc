#include "image/registry/http_message.h"

#include <cstring>

#include "base/strings.h"

namespace image::registry {

namespace {

class Packer {
 public:
  explicit Packer(MessageKind kind) { number(static_cast<uint32_t>(kind)); }
  void number(uint64_t value) { text_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void string(std::string_view value) {
    number(value.size());
    text_ += value;
  }
  void headers(const std::vector<Header>& headers) {
    number(headers.size());
    for (const auto& header : headers) {
      string(header.name);
      string(header.value);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class Reader {
 public:
  explicit Reader(std::string_view packet) : rest_(packet) {}
  Result<uint64_t> number() {
    uint64_t value = 0;
    if (rest_.size() < sizeof value) return broken();
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  Result<uint32_t> small_number() {
    const uint64_t value = TRY(number());
    if (value > UINT32_MAX) return broken();
    return static_cast<uint32_t>(value);
  }
  Result<std::string> string() {
    const uint64_t size = TRY(number());
    if (size > rest_.size()) return broken();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  Result<std::vector<Header>> headers() {
    const uint64_t count = TRY(number());
    if (count > kMaxHeaders) return broken();
    std::vector<Header> result;
    for (uint64_t i = 0; i < count; ++i) {
      std::string name = TRY(string());
      std::string value = TRY(string());
      result.push_back({std::move(name), std::move(value)});
    }
    return result;
  }
  Result<void> expect(MessageKind kind) {
    const uint64_t found = TRY(number());
    if (found != static_cast<uint64_t>(kind)) return broken();
    return ok();
  }
  Result<void> expect_end() const {
    if (!rest_.empty()) return broken();
    return ok();
  }

 private:
  static Error broken() { return corrupt("the HTTP process said something unreadable"); }
  std::string_view rest_;
};

}  // namespace

std::string AnswerHead::header(std::string_view name) const {
  for (const auto& header : headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

std::vector<std::string> AnswerHead::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& header : headers) {
    if (header.name == name) values.push_back(header.value);
  }
  return values;
}

std::string pack(const TlsProfile& message) {
  Packer packer(MessageKind::kProfile);
  packer.number(message.profile);
  packer.number(message.verify ? 1 : 0);
  return packer.take();
}

std::string pack(const WireRequest& message) {
  Packer packer(MessageKind::kRequest);
  packer.number(message.id);
  packer.number(message.profile);
  packer.string(message.method);
  packer.string(message.url);
  packer.string(message.proxy);
  packer.headers(message.headers);
  packer.number(message.has_body ? 1 : 0);
  packer.number(message.body_offset);
  packer.number(message.body_size);
  packer.number(message.connect_timeout_ms);
  packer.number(message.stall_timeout_s);
  packer.number(message.total_timeout_s);
  return packer.take();
}

std::string pack(const AnswerHead& message) {
  Packer packer(MessageKind::kHead);
  packer.number(message.id);
  packer.number(message.status);
  packer.headers(message.headers);
  return packer.take();
}

std::string pack(const TransferEnd& message) {
  Packer packer(MessageKind::kEnd);
  packer.number(message.id);
  packer.number(static_cast<uint32_t>(message.fault));
  packer.string(message.text);
  return packer.take();
}

std::string pack(const BytesSent& message) {
  Packer packer(MessageKind::kSent);
  packer.number(message.id);
  packer.number(message.bytes);
  return packer.take();
}

Result<MessageKind> message_kind(std::string_view packet) {
  Reader reader(packet);
  const uint64_t kind = TRY(reader.number());
  if (kind < static_cast<uint64_t>(MessageKind::kProfile) || kind > static_cast<uint64_t>(MessageKind::kSent))
    return corrupt("the HTTP process said something unreadable");
  return static_cast<MessageKind>(kind);
}

Result<TlsProfile> unpack_profile(std::string_view packet) {
  Reader reader(packet);
  TRY(reader.expect(MessageKind::kProfile));
  TlsProfile message;
  message.profile = TRY(reader.small_number());
  message.verify = TRY(reader.number()) != 0;
  TRY(reader.expect_end());
  return message;
}

Result<WireRequest> unpack_request(std::string_view packet) {
  Reader reader(packet);
  TRY(reader.expect(MessageKind::kRequest));
  WireRequest message;
  message.id = TRY(reader.small_number());
  message.profile = TRY(reader.small_number());
  message.method = TRY(reader.string());
  message.url = TRY(reader.string());
  message.proxy = TRY(reader.string());
  message.headers = TRY(reader.headers());
  message.has_body = TRY(reader.number()) != 0;
  message.body_offset = TRY(reader.number());
  message.body_size = TRY(reader.number());
  message.connect_timeout_ms = TRY(reader.number());
  message.stall_timeout_s = TRY(reader.number());
  message.total_timeout_s = TRY(reader.number());
  TRY(reader.expect_end());
  return message;
}

Result<AnswerHead> unpack_head(std::string_view packet) {
  Reader reader(packet);
  TRY(reader.expect(MessageKind::kHead));
  AnswerHead message;
  message.id = TRY(reader.small_number());
  message.status = TRY(reader.small_number());
  message.headers = TRY(reader.headers());
  TRY(reader.expect_end());
  return message;
}

Result<TransferEnd> unpack_end(std::string_view packet) {
  Reader reader(packet);
  TRY(reader.expect(MessageKind::kEnd));
  TransferEnd message;
  message.id = TRY(reader.small_number());
  const uint64_t fault = TRY(reader.number());
  if (fault > static_cast<uint64_t>(TransferFault::kRefused))
    return corrupt("the HTTP process said something unreadable");
  message.fault = static_cast<TransferFault>(fault);
  const std::string text = TRY(reader.string());
  message.text = printable(text);
  TRY(reader.expect_end());
  return message;
}

Result<BytesSent> unpack_sent(std::string_view packet) {
  Reader reader(packet);
  TRY(reader.expect(MessageKind::kSent));
  BytesSent message;
  message.id = TRY(reader.small_number());
  message.bytes = TRY(reader.number());
  TRY(reader.expect_end());
  return message;
}

}  // namespace image::registry
