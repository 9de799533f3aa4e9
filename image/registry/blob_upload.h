// A blob on its way to a registry: nothing is sent when the repository has it, or when the registry can take
// it from another of its repositories. A state machine: several run in one thread. Source: OCI
// distribution-spec, "Pushing blobs".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/digest.h"
#include "image/registry/fetch.h"
#include "image/registry/remote.h"

namespace image::registry {

struct BlobToPush {
  Digest digest;
  uint64_t size = 0;
  int fd = -1;                           // a file with its bytes, borrowed
  std::vector<std::string> known_paths;  // other repositories of the same registry that have it
};

struct PushedBlob {
  enum class How { kExisted, kMounted, kUploaded } how = How::kExisted;
  std::string mounted_from;
};

class BlobUpload {
 public:
  // `path`: of the repository, "library/busybox".
  BlobUpload(Remote& remote, std::string path, BlobToPush blob);

  // Goes on as far as it can without waiting. True: the registry has the blob. Errors: kInvalid for what the
  // registry refuses ("denied: requested access to the resource is denied"); those of Fetch. A broken upload
  // is taken up where the registry says that it broke, or begun again when that is not known any more: three
  // times without progress at most.
  Result<bool> advance();
  Waiting waiting() const;
  bool is_sending() const { return state_ == State::kSending || state_ == State::kClosing; }
  uint64_t sent_bytes() const;
  const PushedBlob& result() const { return result_; }

 private:
  enum class State { kAsking, kOpening, kSending, kLocating, kClosing, kDone };

  FetchRequest make_request() const;
  void set_body(FetchRequest& request) const;
  Result<void> act_on(const Answer& answer);
  Result<void> act_on_opened(const Answer& answer);
  Result<void> act_on_sent(const Answer& answer);
  Result<void> act_on_located(const Answer& answer);
  Result<void> act_on_error(const Error& error);
  Result<void> take_location(const Answer& answer);
  Result<void> broke(const Error& error, State next);
  void done(PushedBlob::How how);

  Remote* remote_;
  BlobToPush blob_;
  std::string path_;
  std::string from_;  // the repository to mount it from; empty: none (any more)
  State state_ = State::kAsking;
  std::unique_ptr<AnswerFetch> fetch_;
  Url session_;
  uint64_t offset_ = 0;    // what the registry has of it
  uint64_t furthest_ = 0;  // where it broke last
  bool in_parts_ = false;  // it was taken up after a break
  int breaks_ = 0;         // without much progress in between
  int64_t not_before_ns_ = 0;
  PushedBlob result_;
};

// The same, waited for.
Result<PushedBlob> push_blob(Remote& remote, const std::string& path, const BlobToPush& blob);

}  // namespace image::registry
