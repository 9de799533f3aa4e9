// The parent's side of the HTTP process: starts it, sends requests, gathers answers. One thread: whoever
// waits polls `fd()` and the body pipes, then calls receive(). What comes back is what a server, or a process
// that a server took over, said: nothing of it is believed before it is verified.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/registry/http_message.h"
#include "image/registry/http_sandbox.h"
#include "image/registry/settings.h"
#include "image/registry/url.h"

namespace image::registry {

struct RequestBody {
  int fd = -1;  // a file, read from `offset` on; borrowed until the request is sent
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  std::vector<Header> headers;
  std::optional<RequestBody> body;
  bool is_short = true;  // the whole transfer has a time limit, too, not only its pauses
};

// A request under way. Closing the pipe ends it.
struct Transfer {
  uint32_t id = 0;
  Fd body;  // non-blocking
};

class HttpClient {
 public:
  // Starts the process; to be called before secrets are read, which a fork would copy. Errors: kSystem.
  static Result<HttpClient> start(const Settings& settings);

  // Errors: kSystem, kInvalid (headers too large), and those of reading the host's certificates.
  Result<Transfer> send(const HttpRequest& request);
  // Readable when there is news.
  int fd() const { return socket_.get(); }
  // Takes in what has come, without waiting. kSystem when the process has ended.
  Result<void> receive();
  // nullptr: not yet.
  const AnswerHead* head(uint32_t id) const;
  const TransferEnd* end(uint32_t id) const;
  // Of the request's body, about: for a progress bar.
  uint64_t sent_bytes(uint32_t id) const;
  void forget(uint32_t id);

 private:
  struct State {
    std::optional<AnswerHead> head;
    std::optional<TransferEnd> end;
    uint64_t sent = 0;
  };
  HttpClient(const Settings& settings, SandboxedChild process, Fd socket)
      : settings_(&settings), process_(std::move(process)), socket_(std::move(socket)) {}
  // The certificates for a host, sent when they are first needed.
  Result<uint32_t> profile_for(const Url& url);

  const Settings* settings_;
  SandboxedChild process_;
  Fd socket_;
  uint32_t next_id_ = 1;
  std::map<std::string, uint32_t> profiles_;  // by authority; plain http has one for all, ""
  std::map<uint32_t, State> states_;
};

// What a state machine waits for; each part may be absent.
struct Waiting {
  int reader = -1;
  int writer = -1;
  int64_t until_ns = INT64_MAX;  // monotonic
};

// A memory file with these bytes, for bodies and certificates. kSystem.
Result<Fd> memory_file(std::string_view bytes);

inline constexpr int kPipeBytes = 1 << 20;  // of a pipe for bodies: fewer switches between the processes

inline constexpr int64_t kProgressNs = 100'000'000;  // between two looks at what is under way
// Until the client has news, or one of these can go on, or `longest_ns` are over.
Result<void> wait_for_all(const HttpClient& client, const std::vector<Waiting>& what, int64_t longest_ns);

// Waits until one of the descriptors is readable (or, if it is in `writers`, writable) or the time is over.
Result<void> wait_for_any(const std::vector<int>& readers, const std::vector<int>& writers,
                          int64_t timeout_ns);

}  // namespace image::registry
