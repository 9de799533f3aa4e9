#include "image/registry/blob_upload.h"

#include <algorithm>

#include "base/strings.h"
#include "image/registry/fetch.h"
#include "image/registry/manifest_fetch.h"

namespace image::registry {

namespace {

constexpr uint32_t kOk = 200;
constexpr uint32_t kCreated = 201;
constexpr uint32_t kAccepted = 202;
constexpr uint32_t kNoContent = 204;
constexpr uint32_t kNotFoundStatus = 404;
constexpr uint32_t kRangeNotSatisfiable = 416;
constexpr uint64_t kOneRequest = 1U << 20U;  // bytes that are sent with the closing PUT
constexpr int kBreaks = 3;

// One upload session.
class Upload {
 public:
  Upload(Remote& remote, const std::string& path, const BlobToPush& blob)
      : remote_(remote), blob_(blob), path_(path), scope_(repository_scope(path, "pull,push")) {}

  Result<bool> exists() {
    FetchRequest request = make("HEAD");
    request.path = path_ + "/blobs/" + blob_.digest.text();
    const Answer answer = TRY(fetch(remote_, request));
    if (answer.head.status == kOk) return true;
    if (answer.head.status == kNotFoundStatus) return false;
    return status_error(answer.url, answer.head.status, answer.body);
  }

  // Opens a session. True: there is no need for it, the registry has taken the blob from `from`.
  Result<bool> begin(const std::string& from) {
    FetchRequest request = make("POST");
    request.path = path_ + "/blobs/uploads/";
    if (!from.empty()) {
      request.path += "?mount=" + escape_query(blob_.digest.text()) + "&from=" + escape_query(from);
      request.scope += " " + repository_scope(from, "pull");
    }
    const Answer answer = TRY(fetch(remote_, request));
    if (answer.head.status == kCreated) return true;
    if (answer.head.status != kAccepted) return status_error(answer.url, answer.head.status, answer.body);
    TRY(take_location(answer));
    return false;
  }

  Result<void> send() {
    uint64_t offset = 0;
    if (blob_.size > kOneRequest) {
      TRY(send_parts());
      offset = blob_.size;
    }
    FetchRequest request = make("PUT");
    request.url = session_;
    add_query(*request.url, "digest", blob_.digest.text());
    if (offset < blob_.size) set_body(request, offset);
    const Answer answer = TRY(fetch(remote_, request));
    if (answer.head.status == kCreated || answer.head.status == kNoContent) return ok();
    return status_error(answer.url, answer.head.status, answer.body);
  }

 private:
  FetchRequest make(const char* method) const {
    FetchRequest request;
    request.method = method;
    request.scope = scope_;
    return request;
  }

  void set_body(FetchRequest& request, uint64_t offset) const {
    request.body = RequestBody{blob_.fd, offset, blob_.size - offset};
    request.headers.push_back({"Content-Type", "application/octet-stream"});
    request.is_short = false;
    request.retries = false;  // the registry knows better than we where to go on
  }

  Result<void> take_location(const Answer& answer) {
    const std::string location = answer.head.header("location");
    Url next = TRY_IN("upload location", resolve_url(answer.url, location));
    if (answer.url.scheme == "https" && next.scheme != "https")
      return invalid("registry " + remote_.host() + " wants the upload in plain http: refused");
    session_ = std::move(next);
    return ok();
  }

  // Where the registry is, after a break. "Range: 0-99" are a hundred bytes.
  Result<uint64_t> ask_offset() {
    FetchRequest request = make("GET");
    request.url = session_;
    const Answer answer = TRY(fetch(remote_, request));
    if (answer.head.status != kNoContent && answer.head.status != kAccepted)
      return status_error(answer.url, answer.head.status, answer.body);
    if (!answer.head.header("location").empty()) TRY(take_location(answer));
    const std::string range = answer.head.header("range");
    const uint64_t last = TRY_IN("upload range", parse_uint(range.substr(range.find('-') + 1)));
    return last == 0 ? 0 : std::min(last + 1, blob_.size);
  }

  Result<void> send_parts() {
    uint64_t offset = 0;
    for (int breaks = 0;;) {
      FetchRequest request = make("PATCH");
      request.url = session_;
      set_body(request, offset);
      request.headers.push_back(
          {"Content-Range", std::to_string(offset) + "-" + std::to_string(blob_.size - 1)});
      const auto answer = fetch(remote_, request);
      if (answer && (answer->head.status == kAccepted || answer->head.status == kNoContent))
        return take_location(*answer);
      if (answer && answer->head.status != kRangeNotSatisfiable && answer->head.status < 500)
        return status_error(answer->url, answer->head.status, answer->body);
      if (++breaks == kBreaks) {
        if (!answer) return answer.error();
        return status_error(answer->url, answer->head.status, answer->body);
      }
      offset = TRY(ask_offset());
      if (offset == blob_.size) return ok();
    }
  }

  Remote& remote_;
  const BlobToPush& blob_;
  std::string path_;
  std::string scope_;
  Url session_;
};

}  // namespace

Result<PushedBlob> push_blob(Remote& remote, const std::string& path, const BlobToPush& blob) {
  Upload upload(remote, path, blob);
  const bool exists = TRY(upload.exists());
  if (exists) return PushedBlob{PushedBlob::How::kExisted, ""};
  const std::string from = blob.known_paths.empty() ? "" : blob.known_paths.front();
  const bool mounted = TRY(upload.begin(from));
  if (mounted) return PushedBlob{PushedBlob::How::kMounted, from};
  if (blob.fd < 0) {
    return not_found("blob " + blob.digest.text() +
                     " is not in the store as it is sent; load or pull the image again");
  }
  TRY(upload.send());
  return PushedBlob{PushedBlob::How::kUploaded, ""};
}

}  // namespace image::registry
