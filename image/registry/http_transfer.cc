#include "image/registry/http_transfer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "base/units.h"
#include "image/registry/socket_messages.h"

namespace image::registry {

namespace {

// A transfer slower than this for the stall time is given up: a server that drips bytes holds nobody.
constexpr long kSlowBytesPerSecond = 64;
constexpr int64_t kBetweenSaidNs = 100'000'000;
constexpr long kBufferSize = 256L << 10U;

TransferFault fault_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return TransferFault::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
      return TransferFault::kNoSuchHost;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return TransferFault::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
      return TransferFault::kNotTls;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return TransferFault::kCertificate;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CLIENTCERT:
      return TransferFault::kClientCertificate;
    case CURLE_OPERATION_TIMEDOUT:
      return TransferFault::kTimeout;
    default:
      return TransferFault::kBroken;
  }
}

}  // namespace

HttpTransfer::HttpTransfer(const WireRequest& request, int socket_fd, Fd out, Fd in)
    : socket_fd_(socket_fd),
      out_(std::move(out)),
      in_(std::move(in)),
      body_start_(request.body_offset),
      body_at_(request.body_offset),
      body_end_(request.body_offset + request.body_size) {
  head_.id = request.id;
}

HttpTransfer::~HttpTransfer() {
  if (easy_ != nullptr) ::curl_easy_cleanup(easy_);
  ::curl_slist_free_all(headers_);
}

Result<std::unique_ptr<HttpTransfer>> HttpTransfer::make(const WireRequest& request,
                                                         const TlsMaterial& material, int socket_fd, Fd out,
                                                         Fd in) {
  std::unique_ptr<HttpTransfer> transfer(
      new HttpTransfer(request, socket_fd, std::move(out), std::move(in)));  // NOLINT: private constructor
  transfer->easy_ = ::curl_easy_init();
  if (transfer->easy_ == nullptr) return Error::from_errno("curl_easy_init", ENOMEM);
  if (::fcntl(transfer->out_.get(), F_SETFL, O_NONBLOCK) < 0) return Error::from_errno("fcntl", errno);
  TRY(transfer->set_options(request, material));
  return transfer;
}

Result<void> HttpTransfer::set_options(const WireRequest& request, const TlsMaterial& material) {
  const auto set = [this](CURLoption option, auto value) {
    return ::curl_easy_setopt(easy_, option, value);  // NOLINT(cppcoreguidelines-pro-type-vararg)
  };
  if (set(CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
      set(CURLOPT_URL, request.url.c_str()) != CURLE_OK) {
    return invalid("bad address");
  }
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);  // the parent decides who sees what
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(reason_));
  set(CURLOPT_BUFFERSIZE, kBufferSize);
  set(CURLOPT_PROXY, request.proxy.c_str());  // empty: none, whatever the environment says
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  set(CURLOPT_LOW_SPEED_LIMIT, kSlowBytesPerSecond);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout_s));
  set(CURLOPT_TIMEOUT, static_cast<long>(request.total_timeout_s));
  set(CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &HttpTransfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set_tls(material);
  for (const auto& header : request.headers) {
    const std::string line = header.name + ": " + header.value;
    if (line.find_first_of("\r\n") != std::string::npos) return invalid("a header has a line break");
    headers_ = ::curl_slist_append(headers_, line.c_str());
  }
  headers_ = ::curl_slist_append(headers_, "Expect:");  // else libcurl waits a second for servers without 100
  TRY(set_body(request));
  set(CURLOPT_HTTPHEADER, headers_);
  return ok();
}

Result<void> HttpTransfer::set_body(const WireRequest& request) {
  const auto set = [this](CURLoption option, auto value) {
    return ::curl_easy_setopt(easy_, option, value);  // NOLINT(cppcoreguidelines-pro-type-vararg)
  };
  is_part_ = request.method == "PATCH";
  if (request.method == "GET") return ok();
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return ok();
  }
  if (request.has_body) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body_size));
    set(CURLOPT_READFUNCTION, &HttpTransfer::on_upload);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &HttpTransfer::on_seek);
    set(CURLOPT_SEEKDATA, this);
  } else {
    set(CURLOPT_POSTFIELDS, "");
    set(CURLOPT_POSTFIELDSIZE, 0L);
  }
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  return ok();
}

void HttpTransfer::set_tls(const TlsMaterial& material) {
  material_ = &material;
  const auto set = [this](CURLoption option, auto value) {
    return ::curl_easy_setopt(easy_, option, value);  // NOLINT(cppcoreguidelines-pro-type-vararg)
  };
  const auto set_blob = [&](CURLoption option, const std::string& pem) {
    // NOLINTNEXTLINE: libcurl only reads
    curl_blob blob = {const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
    if (!pem.empty()) set(option, &blob);
  };
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, material.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, material.verify ? 2L : 0L);
  // Not the paths that libcurl was built with: nothing is there, and the error would be about a file. Whom to
  // trust is prepare_tls()'s.
  set(CURLOPT_CAINFO, nullptr);
  set(CURLOPT_CAPATH, nullptr);
  set_blob(CURLOPT_SSLCERT_BLOB, material.client_certificate);
  set_blob(CURLOPT_SSLKEY_BLOB, material.client_key);
  set(CURLOPT_SSL_CTX_FUNCTION, &prepare_tls);
  set(CURLOPT_SSL_CTX_DATA, &material);
}

size_t HttpTransfer::on_header(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // of the next answer: 100 Continue came before
    transfer->head_.headers.clear();
    const size_t blank = line.find(' ');
    auto status = parse_uint(line.substr(std::min(blank, line.size() - 1) + 1, 3));
    transfer->head_.status = static_cast<uint32_t>(std::move(status).value_or(0));
  }
  transfer->header_bytes_ += line.size();
  if (transfer->header_bytes_ > kMaxHeaderBytes || transfer->head_.headers.size() >= kMaxHeaders) {
    transfer->too_large_ = true;
    return 0;
  }
  const size_t colon = line.find(':');
  if (transfer->head_sent_ || line.starts_with("HTTP/") || colon == std::string_view::npos)
    return line.size();
  transfer->head_.headers.push_back(
      {to_lower(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
  return line.size();
}

bool HttpTransfer::send_head() {
  if (head_sent_) return true;
  head_sent_ = true;
  return send_packet(socket_fd_, pack(head_)).has_value();
}

// Writes what is left; true when nothing is.
bool HttpTransfer::flush() {
  while (!pending_.empty()) {
    const ssize_t count = ::write(out_.get(), pending_.data(), pending_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) {
      reader_gone_ = true;
      pending_.clear();
      return true;
    }
    pending_.erase(0, static_cast<size_t>(count));
  }
  return true;
}

size_t HttpTransfer::on_body(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const size_t bytes = size * count;
  if (!transfer->send_head()) return 0;
  if (!transfer->flush()) {
    transfer->paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (transfer->reader_gone_) return 0;
  transfer->pending_.assign(data, bytes);
  transfer->flush();
  return transfer->reader_gone_ ? 0 : bytes;
}

size_t HttpTransfer::on_upload(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const uint64_t left = transfer->body_end_ - transfer->body_at_;
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(size * count, left));
  const ssize_t done = ::pread(transfer->in_.get(), data, wanted, static_cast<off_t>(transfer->body_at_));
  if (done < 0 || (done == 0 && wanted > 0)) return CURL_READFUNC_ABORT;
  transfer->body_at_ += static_cast<uint64_t>(done);
  transfer->say_sent();
  return static_cast<size_t>(done);
}

void HttpTransfer::say_sent() {
  const int64_t now = monotonic_ns();
  if (now - said_ns_ < kBetweenSaidNs) return;
  said_ns_ = now;
  static_cast<void>(send_packet(socket_fd_, pack(BytesSent{head_.id, body_at_ - body_start_})));
}

int HttpTransfer::on_seek(void* self, curl_off_t offset, int origin) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
  // libcurl would send it once more over another connection; but the registry may have taken some of it.
  if (transfer->is_part_) return CURL_SEEKFUNC_FAIL;
  transfer->body_at_ = std::min(transfer->body_start_ + static_cast<uint64_t>(offset), transfer->body_end_);
  return CURL_SEEKFUNC_OK;
}

void HttpTransfer::go_on() {
  if (!flush() || !paused_) return;
  paused_ = false;
  ::curl_easy_pause(easy_, CURLPAUSE_CONT);
}

bool HttpTransfer::finish(CURLcode code) {
  ended_ = true;
  code_ = code;
  if (code == CURLE_OK) send_head();
  flush();
  return finished();
}

TransferFault HttpTransfer::fault() const {
  const TransferFault fault = fault_of(code_);
  const bool is_unclear = fault == TransferFault::kBroken || fault == TransferFault::kNotTls;
  const bool asked = material_ != nullptr && material_->is_asked_for;
  return is_unclear && asked && !head_sent_ ? TransferFault::kClientCertificate : fault;
}

TransferEnd HttpTransfer::end() const {
  TransferEnd end;
  end.id = head_.id;
  end.fault = fault();
  if (reader_gone_ || too_large_) end.fault = TransferFault::kRefused;
  if (end.fault == TransferFault::kNone) return end;
  end.text = reason_[0] != '\0' ? static_cast<const char*>(reason_) : ::curl_easy_strerror(code_);
  if (too_large_) end.text = "its headers are larger than " + std::to_string(kMaxHeaderBytes) + " bytes";
  return end;
}

void HttpTransfer::send_end() {
  out_.reset();  // before the message: who has it knows that the pipe has ended, too
  static_cast<void>(send_packet(socket_fd_, pack(end())));
}

}  // namespace image::registry
