// What the parent and the HTTP child say to each other over a SOCK_SEQPACKET pair: one message a packet,
// strings and numbers with their lengths in front. Bodies never travel here: an answer's body comes through a
// pipe, a request's is read from a file, and both descriptors go along with the request. The child's messages
// are as hostile as what it talks to. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace image::registry {

inline constexpr size_t kMaxMessage = 160U << 10U;  // bytes; a socket's buffer takes it
inline constexpr size_t kMaxHeaderBytes = 64U
                                          << 10U;  // of one answer's headers, as many as most servers take
inline constexpr size_t kMaxHeaders = 256;

struct Header {
  std::string name;  // in answers: lower case
  std::string value;
  bool operator==(const Header&) const = default;
};

// Parent to child: certificates for the requests that name `profile`; with it come three descriptors of
// memory files: authorities, client certificate, client key (PEM; empty: none).
struct TlsProfile {
  uint32_t profile = 0;
  bool verify = true;  // false only for hosts that the settings call insecure
};

// Parent to child: a request; with it come the writing end of a pipe for the answer's body and, if has_body,
// a file with the request's.
struct WireRequest {
  uint32_t id = 0;
  uint32_t profile = 0;
  std::string method;
  std::string url;
  std::string proxy;  // empty: none
  std::vector<Header> headers;
  bool has_body = false;
  uint64_t body_offset = 0;
  uint64_t body_size = 0;
  uint64_t connect_timeout_ms = 0;
  uint64_t stall_timeout_s = 0;
  uint64_t total_timeout_s = 0;  // 0: none
};

// Child to parent, once before the body.
struct AnswerHead {
  uint32_t id = 0;
  uint32_t status = 0;
  std::vector<Header> headers;

  // The first header of that name (lower case); empty when absent.
  std::string header(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
};

// Child to parent, some times a second: how much of the request's body is on its way.
struct BytesSent {
  uint32_t id = 0;
  uint64_t bytes = 0;
};

enum class TransferFault : uint32_t {
  kNone,
  kNoSuchHost,         // or the name server can't be asked
  kConnect,            // refused, unreachable, no proxy
  kNotTls,             // the peer does not speak TLS
  kCertificate,        // it does, but is not who it should be
  kClientCertificate,  // it wants one of us, and ours is missing or none that it takes
  kTimeout,
  kBroken,   // ended too early, or broke the protocol
  kRefused,  // by us: header too large, the reader went away
};

// Child to parent, last: how the transfer ended.
struct TransferEnd {
  uint32_t id = 0;
  TransferFault fault = TransferFault::kNone;
  std::string text;  // printable
};

std::string pack(const TlsProfile& message);
std::string pack(const WireRequest& message);
std::string pack(const AnswerHead& message);
std::string pack(const TransferEnd& message);
std::string pack(const BytesSent& message);

// Errors of all: kCorrupt.
enum class MessageKind : uint32_t { kProfile = 1, kRequest, kHead, kEnd, kSent };
Result<MessageKind> message_kind(std::string_view packet);
Result<TlsProfile> unpack_profile(std::string_view packet);
Result<WireRequest> unpack_request(std::string_view packet);
Result<AnswerHead> unpack_head(std::string_view packet);
Result<TransferEnd> unpack_end(std::string_view packet);
Result<BytesSent> unpack_sent(std::string_view packet);

}  // namespace image::registry
