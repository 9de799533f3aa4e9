#include "image/registry/blob_upload.h"

#include <algorithm>

#include "base/strings.h"
#include "base/units.h"
#include "image/registry/http_status.h"
#include "image/registry/manifest_fetch.h"

namespace image::registry {

namespace {

constexpr uint64_t kOneRequest = 1U << 20U;  // bytes that are sent with the closing PUT

Error refused(const Answer& answer) {
  return status_error(answer.url, answer.head.status, answer.body);
}

bool is_taken(const Answer& answer) {
  const uint32_t status = answer.head.status;
  return status == http::kCreated || status == http::kAccepted || status == http::kNoContent;
}

}  // namespace

BlobUpload::BlobUpload(Remote& remote, std::string path, BlobToPush blob)
    : remote_(&remote), blob_(std::move(blob)), path_(std::move(path)) {
  if (!blob_.known_paths.empty()) from_ = blob_.known_paths.front();
}

void BlobUpload::set_body(FetchRequest& request) const {
  request.body = RequestBody{blob_.fd, offset_, blob_.size - offset_};
  request.headers.push_back({"Content-Type", "application/octet-stream"});
  request.is_short = false;
}

FetchRequest BlobUpload::make_request() const {
  FetchRequest request;
  request.scope = repository_scope(path_, "pull,push");
  switch (state_) {
    case State::kAsking:
      request.method = "HEAD";
      request.path = path_ + "/blobs/" + blob_.digest.text();
      break;
    case State::kOpening:
      request.method = "POST";
      request.path = path_ + "/blobs/uploads/";
      if (from_.empty()) break;
      request.path += "?mount=" + escape_query(blob_.digest.text()) + "&from=" + escape_query(from_);
      request.scope += " " + repository_scope(from_, "pull");
      break;
    case State::kSending:
      request.method = "PATCH";
      request.url = session_;
      set_body(request);
      request.headers.push_back(
          {"Content-Range", std::to_string(offset_) + "-" + std::to_string(blob_.size - 1)});
      request.retries = false;  // the registry knows better than we where to go on
      break;
    case State::kLocating:
      request.url = session_;
      break;
    case State::kClosing:
    case State::kDone:
      request.method = "PUT";
      request.url = session_;
      add_query(*request.url, "digest", blob_.digest.text());
      if (offset_ < blob_.size) set_body(request);
      request.retries = false;
      break;
  }
  return request;
}

Result<void> BlobUpload::take_location(const Answer& answer) {
  const std::string location = answer.head.header("location");
  Url next = TRY_IN("upload location", resolve_url(answer.url, location));
  if (answer.url.scheme == "https" && next.scheme != "https")
    return invalid("registry " + remote_->host() + " wants the upload in plain http: refused");
  session_ = std::move(next);
  return ok();
}

void BlobUpload::done(PushedBlob::How how) {
  result_ = {how, how == PushedBlob::How::kMounted ? from_ : ""};
  state_ = State::kDone;
}

// Once more from `next`, or `error` when there were too many breaks without progress.
Result<void> BlobUpload::broke(const Error& error, State next) {
  if (++breaks_ >= kBreaks) return error;
  not_before_ns_ = monotonic_ns() + (remote_->settings().retry_delay_ns << (breaks_ - 1));
  state_ = next;
  in_parts_ = next == State::kLocating;
  if (next == State::kOpening) offset_ = 0;
  return ok();
}

Result<void> BlobUpload::act_on_opened(const Answer& answer) {
  const uint32_t status = answer.head.status;
  if (status == http::kCreated) {
    done(from_.empty() ? PushedBlob::How::kExisted : PushedBlob::How::kMounted);
    return ok();
  }
  if (status != http::kAccepted &&
      !from_.empty()) {  // the other repository is not to be had: our bytes, then
    from_.clear();
    return ok();
  }
  if (status != http::kAccepted) return refused(answer);
  from_.clear();
  TRY(take_location(answer));
  state_ = blob_.size > kOneRequest ? State::kSending : State::kClosing;
  return ok();
}

Result<void> BlobUpload::act_on_sent(const Answer& answer) {
  const uint32_t status = answer.head.status;
  if (is_taken(answer)) {
    TRY(take_location(answer));
    offset_ = blob_.size;
    state_ = State::kClosing;
    return ok();
  }
  if (status == http::kNotFound) return broke(refused(answer), State::kOpening);
  if (status == http::kRangeNotSatisfiable || status >= http::kServerErrors)
    return broke(refused(answer), State::kLocating);
  return refused(answer);
}

// Where the registry is, after a break. "Range: 0-99" are a hundred bytes; "0-0" may be none or one.
Result<void> BlobUpload::act_on_located(const Answer& answer) {
  if (!is_taken(answer)) return broke(refused(answer), State::kOpening);  // the upload is not known any more
  if (!answer.head.header("location").empty()) TRY(take_location(answer));
  const std::string range = answer.head.header("range");
  const auto last = parse_uint(range.substr(range.find('-') + 1));
  if (!last || *last >= blob_.size)
    return broke(corrupt("registry " + remote_->host() + ": bad upload range"), State::kOpening);
  offset_ = *last == 0 ? 0 : *last + 1;
  if (offset_ >= furthest_ + kProgress) {
    breaks_ = 0;
    furthest_ = offset_;
  }
  state_ = offset_ == blob_.size ? State::kClosing : State::kSending;
  return ok();
}

Result<void> BlobUpload::act_on(const Answer& answer) {
  const uint32_t status = answer.head.status;
  switch (state_) {
    case State::kAsking:
      if (status != http::kOk && status != http::kNotFound) return refused(answer);
      if (status == http::kOk) done(PushedBlob::How::kExisted);
      if (status == http::kNotFound) state_ = State::kOpening;
      return ok();
    case State::kOpening:
      return act_on_opened(answer);
    case State::kSending:
      return act_on_sent(answer);
    case State::kLocating:
      return act_on_located(answer);
    case State::kClosing:
    case State::kDone:
      break;
  }
  if (is_taken(answer)) {
    done(PushedBlob::How::kUploaded);
    return ok();
  }
  // What was put together of parts may be wrong where they meet.
  if (in_parts_ || status >= http::kServerErrors) return broke(refused(answer), State::kOpening);
  return refused(answer);
}

Result<void> BlobUpload::act_on_error(const Error& error) {
  if (state_ == State::kOpening && !from_.empty() && error.kind() != ErrorKind::kSystem) {
    from_.clear();  // we may not read there
    return ok();
  }
  if (error.kind() != ErrorKind::kSystem) return error;
  if (state_ == State::kSending) return broke(error, State::kLocating);
  if (state_ == State::kClosing) return broke(error, State::kOpening);
  return error;
}

Result<bool> BlobUpload::advance() {
  while (state_ != State::kDone) {
    if (!fetch_) {
      if (monotonic_ns() < not_before_ns_) return false;
      fetch_ = std::make_unique<AnswerFetch>(*remote_, make_request());
    }
    const auto ready = fetch_->advance();
    if (ready && !*ready) return false;
    const auto fetched = std::move(fetch_);
    if (ready) {
      TRY(act_on(fetched->answer()));
    } else {
      TRY(act_on_error(ready.error()));
    }
  }
  return true;
}

Waiting BlobUpload::waiting() const {
  if (fetch_) return fetch_->waiting();
  return {-1, -1, not_before_ns_};
}

uint64_t BlobUpload::sent_bytes() const {
  if (state_ == State::kDone) return blob_.size;
  return offset_ + (fetch_ && is_sending() ? fetch_->sent_bytes() : 0);
}

Result<PushedBlob> push_blob(Remote& remote, const std::string& path, const BlobToPush& blob) {
  BlobUpload upload(remote, path, blob);
  for (;;) {
    TRY(remote.client().receive());
    const bool done = TRY(upload.advance());
    if (done) return upload.result();
    TRY(wait_for_all(remote.client(), {upload.waiting()}, INT64_MAX / 4));
  }
}

}  // namespace image::registry
