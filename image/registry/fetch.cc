#include "image/registry/fetch.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "base/units.h"
#include "image/registry/documents.h"
#include "image/registry/http_status.h"

namespace image::registry {

namespace {

constexpr uint64_t kLongestRetryAfter = 60;  // seconds; who wants more is not worth waiting for

bool is_redirect(uint32_t status) {
  constexpr std::array<uint32_t, 5> kStatuses = {301, 302, 303, 307, 308};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

bool is_busy(uint32_t status) {
  constexpr std::array<uint32_t, 5> kStatuses = {http::kTooMany, 500, 502, 503, 504};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

}  // namespace

Error status_error(const Url& url, uint32_t status, std::string_view body) {
  const ServerError said = parse_server_error(body);
  std::string code = to_lower(said.code);
  std::replace(code.begin(), code.end(), '_', ' ');
  std::string text = code;
  if (!said.message.empty()) text += (text.empty() ? "" : ": ") + said.message;
  if (text.empty()) text = "registry " + url.authority() + " answered with status " + std::to_string(status);
  if (status == http::kTooMany)
    text += "\nthe registry limits how often it is asked: wait, or log in (vial login)";
  const bool missing = status == http::kNotFound;
  return Error(missing ? ErrorKind::kNotFound : ErrorKind::kInvalid, std::move(text));
}

void Fetch::drop() {
  if (transfer_) remote_->client().forget(transfer_->id);
  transfer_.reset();
}

Result<void> Fetch::send() {
  drop();
  head_.reset();
  HttpRequest request;
  request.method = request_.method;
  url_ = redirected_ ? *redirected_ : request_.url ? *request_.url : remote_->url(request_.path);
  request.url = url_;
  request.headers = request_.headers;
  request.body = request_.body;
  request.is_short = request_.is_short;
  request.headers.push_back({"User-Agent", "vial/" VIAL_VERSION});
  sent_authorization_ = remote_->authorization(url_, request_.scope);
  if (!sent_authorization_.empty()) request.headers.push_back({"Authorization", sent_authorization_});
  transfer_ = TRY(remote_->client().send(request));
  return ok();
}

bool Fetch::retry(const AnswerHead* head) {
  if (!request_.retries || ++attempts_ >= kAttempts) return false;
  int64_t delay = remote_->settings().retry_delay_ns << (attempts_ - 1);
  if (head != nullptr) {
    const auto seconds = parse_uint(head->header("retry-after"));
    if (seconds && *seconds > kLongestRetryAfter) return false;
    if (seconds) delay = std::max(delay, static_cast<int64_t>(*seconds) * kSecondNs);
  }
  drop();
  head_.reset();
  redirected_.reset();  // what a redirect leads to may be good for a moment only
  redirects_ = 0;
  retry_at_ns_ = monotonic_ns() + delay;
  return true;
}

Result<bool> Fetch::follow(const std::string& location) {
  if (++redirects_ > kRedirects)
    return invalid("registry " + remote_->host() + " redirects more than " + std::to_string(kRedirects) +
                   " times");
  Url target = TRY_IN("registry " + remote_->host() + " redirects", resolve_url(url_, location));
  if (url_.scheme == "https" && target.scheme != "https") {
    return invalid("registry " + remote_->host() + " redirects from https to plain http (" +
                   target.authority() + "): refused");
  }
  redirected_ = std::move(target);
  TRY(send());
  return false;
}

Result<bool> Fetch::act_on_fault(const TransferEnd& end) {
  const bool may_be_plain = end.fault == TransferFault::kConnect || end.fault == TransferFault::kNotTls;
  if (may_be_plain && !redirected_ && !request_.url) {
    // Or another request that runs beside this one has fallen back.
    const bool has_fallen_back = remote_->is_plain() && url_.scheme == "https";
    if (has_fallen_back || remote_->fall_back_to_http()) {
      TRY(send());
      return false;
    }
  }
  const Error error = transfer_error(url_, end);
  const bool is_final = end.fault == TransferFault::kCertificate || end.fault == TransferFault::kRefused ||
                        end.fault == TransferFault::kNotTls || end.fault == TransferFault::kConnect ||
                        end.fault == TransferFault::kTimeout || end.fault == TransferFault::kNoSuchHost;
  if (is_final || !retry(nullptr)) return error;
  return false;
}

Result<bool> Fetch::act_on_head() {
  if (!redirected_) remote_->scheme_is_certain();
  const uint32_t status = head_->status;
  if (status == http::kUnauthorized && !redirected_) {
    // Another request that runs beside this one has been told meanwhile what is wanted.
    const std::string known = remote_->authorization(url_, request_.scope);
    if (!known.empty() && known != sent_authorization_) {
      TRY(send());
      return false;
    }
    constexpr int kRefusals = 2;  // the first is the question, the second can be an old token
    if (++refusals_ > kRefusals) return true;
    // It has seen who we are, and has no other question: its words are the reason.
    if (refusals_ > 1 && head_->all("www-authenticate").empty()) return true;
    TRY(remote_->authorize(*head_, request_.scope));
    TRY(send());
    return false;
  }
  if (is_redirect(status) && !head_->header("location").empty()) return follow(head_->header("location"));
  if (is_busy(status) && retry(&*head_)) return false;
  return true;
}

Result<bool> Fetch::advance() {
  if (head_) return true;
  if (!transfer_) {
    if (monotonic_ns() < retry_at_ns_) return false;
    TRY(send());
  }
  const AnswerHead* head = remote_->client().head(transfer_->id);
  const TransferEnd* end = remote_->client().end(transfer_->id);
  if (head != nullptr) {
    head_ = *head;
    return act_on_head();
  }
  if (end == nullptr) return false;
  const TransferEnd copy = *end;
  return act_on_fault(copy);
}

// Takes in what there is of the body. True when the transfer has ended and all of it is here.
Result<bool> AnswerFetch::read_body() {
  std::array<char, kReadBytes> buffer = {};
  while (!body_ended_) {
    const ssize_t count = ::read(fetch_->body_fd(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (count < 0) return Error::from_errno("read", errno);
    body_ended_ = count == 0;
    answer_.body.append(buffer.data(), static_cast<size_t>(count));
    if (answer_.body.size() > limit_) {
      return invalid("registry " + fetch_->url().authority() + ": its answer is larger than " +
                     std::to_string(limit_) + " bytes");
    }
  }
  return fetch_->end() != nullptr;
}

Result<bool> AnswerFetch::advance() {
  constexpr int kBrokenBodies = 3;
  for (;;) {
    if (!fetch_) fetch_ = std::make_unique<Fetch>(*remote_, request_);
    if (!has_head_) has_head_ = TRY(fetch_->advance());
    if (!has_head_) return false;
    const bool done = TRY(read_body());
    if (!done) return false;
    if (fetch_->end()->fault == TransferFault::kNone) break;
    if (++broken_ == kBrokenBodies || !request_.retries) return transfer_error(fetch_->url(), *fetch_->end());
    fetch_.reset();
    answer_ = {};
    has_head_ = body_ended_ = false;
  }
  answer_.head = fetch_->head();
  answer_.url = fetch_->url();
  fetch_.reset();
  return true;
}

Waiting AnswerFetch::waiting() const {
  Waiting waiting;
  if (!fetch_) return waiting;
  if (has_head_ && !body_ended_) waiting.reader = fetch_->body_fd();
  if (!has_head_) waiting.until_ns = fetch_->wake_ns();
  return waiting;
}

Result<Answer> fetch(Remote& remote, const FetchRequest& request, size_t limit) {
  AnswerFetch one(remote, request, limit);
  for (;;) {
    TRY(remote.client().receive());
    const bool done = TRY(one.advance());
    if (done) return std::move(one.answer());
    TRY(wait_for_all(remote.client(), {one.waiting()}, INT64_MAX / 4));
  }
}

}  // namespace image::registry
