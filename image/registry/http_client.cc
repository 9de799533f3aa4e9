#include "image/registry/http_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "image/registry/http_child.h"
#include "image/registry/socket_messages.h"

namespace image::registry {

namespace {

constexpr int64_t kMillisecond = 1'000'000;

}  // namespace

Result<Fd> memory_file(std::string_view bytes) {
  Fd file = TRY(sys::memfd_create("vial-http", 0));
  TRY(write_all(file.get(), bytes));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return Error::from_errno("lseek", errno);
  return file;
}

Result<void> wait_for_any(const std::vector<int>& readers, const std::vector<int>& writers,
                          int64_t timeout_ns) {
  std::vector<pollfd> entries;
  for (const int fd : readers)
    entries.push_back({fd, POLLIN, 0});
  for (const int fd : writers)
    entries.push_back({fd, POLLOUT, 0});
  const int64_t ms = std::clamp<int64_t>((timeout_ns + kMillisecond - 1) / kMillisecond, 0, INT32_MAX);
  if (::poll(entries.data(), entries.size(), static_cast<int>(ms)) < 0 && errno != EINTR)
    return Error::from_errno("poll", errno);
  return ok();
}

Result<void> wait_for_all(const HttpClient& client, const std::vector<Waiting>& what, int64_t longest_ns) {
  std::vector<int> readers = {client.fd()};
  std::vector<int> writers;
  int64_t until = monotonic_ns() + longest_ns;
  for (const auto& waiting : what) {
    if (waiting.reader >= 0) readers.push_back(waiting.reader);
    if (waiting.writer >= 0) writers.push_back(waiting.writer);
    until = std::min(until, waiting.until_ns);
  }
  return wait_for_any(readers, writers, until - monotonic_ns());
}

Result<HttpClient> HttpClient::start(const Settings& settings) {
  sys::SocketPair pair = TRY(sys::socketpair(AF_UNIX, SOCK_SEQPACKET));
  const int theirs = pair.theirs.get();
  SandboxedChild process =
      TRY(start_http_process(theirs, prepare_http, [theirs] { return serve_http(theirs); }));
  return HttpClient(settings, std::move(process), std::move(pair.ours));
}

Result<uint32_t> HttpClient::profile_for(const Url& url) {
  const bool secure = url.scheme == "https";
  const std::string host = secure ? url.authority() : "";
  const auto known = profiles_.find(host);
  if (known != profiles_.end()) return known->second;
  Certificates certificates;
  if (secure) certificates = TRY(read_certificates(*settings_, host));
  const Fd authorities = TRY(memory_file(certificates.authorities));
  const Fd certificate = TRY(memory_file(certificates.client_certificate));
  const Fd key = TRY(memory_file(certificates.client_key));
  const TlsProfile profile = {next_id_++, !settings_->is_insecure(host)};
  TRY(send_packet(socket_.get(), pack(profile), {authorities.get(), certificate.get(), key.get()}));
  profiles_[host] = profile.profile;
  return profile.profile;
}

Result<Transfer> HttpClient::send(const HttpRequest& request) {
  WireRequest wire;
  wire.profile = TRY(profile_for(request.url));
  wire.id = next_id_++;
  wire.method = request.method;
  wire.url = request.url.text();
  wire.proxy = choose_proxy(request.url, process_environment);
  wire.headers = request.headers;
  wire.has_body = request.body.has_value();
  if (request.body) {
    wire.body_offset = request.body->offset;
    wire.body_size = request.body->size;
  }
  wire.connect_timeout_ms = static_cast<uint64_t>(settings_->connect_timeout_ns / kMillisecond);
  wire.stall_timeout_s = static_cast<uint64_t>(std::max<int64_t>(settings_->stall_timeout_ns / kSecondNs, 1));
  if (request.is_short) wire.total_timeout_s = 2 * wire.stall_timeout_s;
  sys::Pipe pipe = TRY(sys::pipe2(0));
  ::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeBytes);
  if (::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK) < 0) return Error::from_errno("fcntl", errno);
  std::vector<int> descriptors = {pipe.writer.get()};
  if (request.body) descriptors.push_back(request.body->fd);
  TRY(send_packet(socket_.get(), pack(wire), descriptors));
  states_[wire.id] = {};
  return Transfer{wire.id, std::move(pipe.reader)};
}

Result<void> HttpClient::receive() {
  for (;;) {
    const auto packet = TRY(receive_packet(socket_.get(), false));
    if (!packet) return ok();
    if (packet->bytes.empty()) return Error(ErrorKind::kSystem, "the process that speaks HTTP has ended");
    const MessageKind kind = TRY(message_kind(packet->bytes));
    if (kind == MessageKind::kHead) {
      AnswerHead head = TRY(unpack_head(packet->bytes));
      const auto state = states_.find(head.id);
      if (state != states_.end()) state->second.head = std::move(head);
    } else if (kind == MessageKind::kSent) {
      const BytesSent sent = TRY(unpack_sent(packet->bytes));
      const auto state = states_.find(sent.id);
      if (state != states_.end()) state->second.sent = sent.bytes;
    } else {
      TransferEnd end = TRY(unpack_end(packet->bytes));
      const auto state = states_.find(end.id);
      if (state != states_.end()) state->second.end = std::move(end);
    }
  }
}

const AnswerHead* HttpClient::head(uint32_t id) const {
  const auto state = states_.find(id);
  return state != states_.end() && state->second.head ? &*state->second.head : nullptr;
}

const TransferEnd* HttpClient::end(uint32_t id) const {
  const auto state = states_.find(id);
  return state != states_.end() && state->second.end ? &*state->second.end : nullptr;
}

uint64_t HttpClient::sent_bytes(uint32_t id) const {
  const auto state = states_.find(id);
  return state != states_.end() ? state->second.sent : 0;
}

void HttpClient::forget(uint32_t id) {
  states_.erase(id);
}

}  // namespace image::registry
