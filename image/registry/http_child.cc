#include "image/registry/http_child.h"

#include <poll.h>

#include <map>
#include <vector>

#include "base/file.h"
#include "base/strings.h"
#include "image/registry/http_message.h"
#include "image/registry/http_transfer.h"
#include "image/registry/socket_messages.h"

namespace image::registry {

namespace {

constexpr int kIdleMs = 60'000;  // libcurl's own timers come first
constexpr size_t kMaxPem = 16U << 20U;
constexpr size_t kMaxProfiles = 64;
constexpr long kKeptConnections = 8;

class HttpServer {
 public:
  explicit HttpServer(int socket_fd) : socket_fd_(socket_fd), multi_(::curl_multi_init()) {
    // One transfer a connection: over a shared one a layer that waits for its unpacker would stop the others.
    ::curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);   // NOLINT: variadic
    ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kKeptConnections);  // NOLINT: variadic
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    for (auto& [id, transfer] : transfers_)
      ::curl_multi_remove_handle(multi_, transfer->easy());
    transfers_.clear();
    ::curl_multi_cleanup(multi_);
  }

  // False when the peer is gone.
  bool turn() {
    wait();
    for (;;) {
      auto packet = receive_packet(socket_fd_, false);
      if (!packet) return false;
      if (!*packet) break;
      if ((*packet)->bytes.empty()) return false;
      if (!handle(**packet)) return false;
    }
    for (auto& [id, transfer] : transfers_)
      if (transfer->waits_for() >= 0) transfer->go_on();
    int running = 0;
    ::curl_multi_perform(multi_, &running);
    collect();
    return true;
  }

 private:
  void wait() {
    std::vector<curl_waitfd> extra = {{socket_fd_, CURL_WAIT_POLLIN, 0}};
    for (const auto& [id, transfer] : transfers_) {
      if (transfer->waits_for() >= 0) extra.push_back({transfer->waits_for(), CURL_WAIT_POLLOUT, 0});
    }
    int ready = 0;
    ::curl_multi_poll(multi_, extra.data(), static_cast<unsigned>(extra.size()), kIdleMs, &ready);
  }

  bool handle(Packet& packet) {
    const auto kind = message_kind(packet.bytes);
    if (kind && *kind == MessageKind::kProfile) return add_profile(packet);
    if (kind && *kind == MessageKind::kRequest) return add_request(packet);
    return false;
  }

  bool add_profile(Packet& packet) {
    const auto message = unpack_profile(packet.bytes);
    constexpr size_t kFiles = 3;
    if (!message || packet.descriptors.size() != kFiles || profiles_.size() >= kMaxProfiles) return false;
    TlsMaterial material;
    material.verify = message->verify;
    material.authorities = read_fd(packet.descriptors[0].get(), kMaxPem).value_or("");
    material.client_certificate = read_fd(packet.descriptors[1].get(), kMaxPem).value_or("");
    material.client_key = read_fd(packet.descriptors[2].get(), kMaxPem).value_or("");
    profiles_[message->profile] = std::move(material);
    return true;
  }

  bool add_request(Packet& packet) {
    const auto request = unpack_request(packet.bytes);
    if (!request || packet.descriptors.size() != (request->has_body ? 2 : 1)) return false;
    const auto profile = profiles_.find(request->profile);
    if (profile == profiles_.end()) return false;
    Fd in = request->has_body ? std::move(packet.descriptors[1]) : Fd();
    auto transfer = HttpTransfer::make(*request, profile->second, socket_fd_,
                                       std::move(packet.descriptors[0]), std::move(in));
    if (!transfer) {
      const TransferEnd end = {request->id, TransferFault::kRefused, transfer.error().text()};
      return send_packet(socket_fd_, pack(end)).has_value();
    }
    ::curl_multi_add_handle(multi_, (*transfer)->easy());
    transfers_[request->id] = std::move(*transfer);
    return true;
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      CURL* easy = message->easy_handle;
      HttpTransfer* transfer = nullptr;
      ::curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);  // NOLINT: variadic
      ::curl_multi_remove_handle(multi_, easy);
      transfer->finish(code);
    }
    for (auto it = transfers_.begin(); it != transfers_.end();) {
      if (!it->second->finished()) {
        ++it;
        continue;
      }
      it->second->send_end();
      it = transfers_.erase(it);
    }
  }

  int socket_fd_;
  CURLM* multi_;
  std::map<uint32_t, TlsMaterial> profiles_;
  std::map<uint32_t, std::unique_ptr<HttpTransfer>> transfers_;
};

}  // namespace

void prepare_http() {
  ::curl_global_init(CURL_GLOBAL_DEFAULT);
}

int serve_http(int socket_fd) {
  HttpServer server(socket_fd);
  while (server.turn()) {
  }
  return 0;
}

}  // namespace image::registry
