// One request to a registry with all that belongs to it: falling back to plain http where that is allowed,
// tokens after a 401, redirects (at most ten, credentials stay behind, never from https to http), patience
// with servers that are busy. A state machine, so that several run at once in one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/registry/remote.h"

namespace image::registry {

// How often a long transfer may break without coming on by kProgress bytes in between.
inline constexpr int kBreaks = 3;
inline constexpr uint64_t kProgress = 1U << 20U;

struct FetchRequest {
  std::string method = "GET";
  std::optional<Url> url;  // absent: `path`
  std::string path;        // below /v2/
  std::string scope;       // "repository:library/busybox:pull"
  std::vector<Header> headers;
  std::optional<RequestBody> body;
  bool is_short = true;
  bool retries = true;  // false: the first broken connection or busy server is the end
};

class Fetch {
 public:
  Fetch(Remote& remote, FetchRequest request) : remote_(&remote), request_(std::move(request)) {}
  ~Fetch() { drop(); }
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  // Goes on as far as it can without waiting. True: the answer's head is here and is the one to act on (any
  // status but those that were dealt with). False: wait for the client, or until wake_ns().
  // Errors: kSystem after three attempts, kInvalid (refused credentials, bad redirects).
  Result<bool> advance();
  // When advance() is worth calling again without news: monotonic ns; INT64_MAX: never.
  int64_t wake_ns() const { return transfer_ ? INT64_MAX : retry_at_ns_; }

  // After advance() returned true.
  const AnswerHead& head() const { return *head_; }
  const Url& url() const { return url_; }
  int body_fd() const { return transfer_ ? transfer_->body.get() : -1; }
  // Of the request's body.
  uint64_t sent_bytes() const { return transfer_ ? remote_->client().sent_bytes(transfer_->id) : 0; }
  // nullptr: the transfer goes on.
  const TransferEnd* end() const { return remote_->client().end(transfer_->id); }

 private:
  static constexpr int kAttempts = 3;
  static constexpr int kRedirects = 10;

  Result<void> send();
  Result<bool> act_on_head();
  Result<bool> act_on_fault(const TransferEnd& end);
  Result<bool> follow(const std::string& location);
  // False after the last attempt.
  bool retry(const AnswerHead* head);
  void drop();

  Remote* remote_;
  FetchRequest request_;
  Url url_;
  std::optional<Url> redirected_;
  std::optional<Transfer> transfer_;
  std::optional<AnswerHead> head_;
  std::string sent_authorization_;
  int64_t retry_at_ns_ = 0;
  int attempts_ = 0;
  int redirects_ = 0;
  int refusals_ = 0;
};

// A Fetch whose whole answer is wanted, and is small. A body that breaks off is asked for again, three times
// at most, if the request may be repeated.
class AnswerFetch {
 public:
  AnswerFetch(Remote& remote, FetchRequest request, size_t limit = kMaxSmallAnswer)
      : remote_(&remote), request_(std::move(request)), limit_(limit) {}

  // Goes on as far as it can without waiting. True: answer() is here. Errors: as Fetch::advance(), kInvalid
  // for more than `limit` bytes.
  Result<bool> advance();
  Waiting waiting() const;
  uint64_t sent_bytes() const { return fetch_ ? fetch_->sent_bytes() : 0; }
  Answer& answer() { return answer_; }

 private:
  Result<bool> read_body();

  Remote* remote_;
  FetchRequest request_;
  size_t limit_;
  std::unique_ptr<Fetch> fetch_;
  Answer answer_;
  bool has_head_ = false;
  bool body_ended_ = false;
  int broken_ = 0;
};

// The same, waited for.
Result<Answer> fetch(Remote& remote, const FetchRequest& request, size_t limit = kMaxSmallAnswer);

// What a status that is no success means: the server's own words when it had any, Docker's form:
// "manifest unknown: manifest unknown".
Error status_error(const Url& url, uint32_t status, std::string_view body);

}  // namespace image::registry
