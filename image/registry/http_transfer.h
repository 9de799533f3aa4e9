// One request of the HTTP child as libcurl's easy handle: options in, headers and body out. Used by
// http_child.cc only.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/registry/http_message.h"
#include "image/registry/tls.h"

namespace image::registry {

class HttpTransfer {
 public:
  // `material` must outlive it. The descriptors: where the answer's body goes (made non-blocking), where the
  // request's comes from. Errors: kInvalid for what libcurl does not take.
  static Result<std::unique_ptr<HttpTransfer>> make(const WireRequest& request, const TlsMaterial& material,
                                                    int socket_fd, Fd out, Fd in);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;
  ~HttpTransfer();

  CURL* easy() const { return easy_; }
  // >= 0: libcurl waits until this descriptor can be written.
  int waits_for() const { return pending_.empty() ? -1 : out_.get(); }
  // The descriptor can be written: writes what is left, lets libcurl go on.
  void go_on();
  // libcurl has finished; the end is sent as soon as all of the body is written. True when that is so.
  bool finish(CURLcode code);
  bool finished() const { return ended_ && pending_.empty(); }
  // The last message. Call it once, when finished().
  void send_end();

 private:
  HttpTransfer(const WireRequest& request, int socket_fd, Fd out, Fd in);
  Result<void> set_options(const WireRequest& request, const TlsMaterial& material);
  Result<void> set_body(const WireRequest& request);
  void set_tls(const TlsMaterial& material);
  TransferFault fault() const;
  bool send_head();
  bool flush();
  void say_sent();
  TransferEnd end() const;

  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static size_t on_upload(char* data, size_t size, size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);

  CURL* easy_ = nullptr;
  const TlsMaterial* material_ = nullptr;
  curl_slist* headers_ = nullptr;
  int socket_fd_;
  Fd out_;
  Fd in_;
  uint64_t body_start_;
  uint64_t body_at_;
  uint64_t body_end_;
  int64_t said_ns_ = 0;  // when the parent was last told how far we are
  AnswerHead head_;
  size_t header_bytes_ = 0;
  bool is_part_ = false;  // of an upload: to be taken up where the registry says
  bool head_sent_ = false;
  bool reader_gone_ = false;
  bool too_large_ = false;
  std::string pending_;  // of the body: what the pipe did not take, at most one buffer of libcurl's
  bool paused_ = false;
  bool ended_ = false;
  CURLcode code_ = CURLE_OK;
  char reason_[CURL_ERROR_SIZE] = {};  // NOLINT(modernize-avoid-c-arrays): CURLOPT_ERRORBUFFER
};

}  // namespace image::registry
