#include "image/archive/unpack_layer.h"

#include <fcntl.h>

#include "base/syscalls.h"

namespace image {

namespace {

constexpr int kPipeBytes =
    1 << 20;  // what the system allows without a privilege; fewer switches between the two
constexpr const char* kGzipType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kZstdType = "application/vnd.oci.image.layer.v1.tar+zstd";

Result<void> verify(const LayerRequest& request, const FeedAnswer& fed, const Digest& diff_id) {
  if (request.blob_bytes && *request.blob_bytes != fed.blob_bytes) {
    return corrupt("the layer is damaged: it should have " + std::to_string(*request.blob_bytes) +
                   " bytes but has " + std::to_string(fed.blob_bytes));
  }
  if (request.blob_digest && request.blob_digest != fed.blob_digest) {
    return corrupt("the layer is damaged: it should be " + request.blob_digest->text() + " but is " +
                   (fed.blob_digest ? fed.blob_digest->text() : "unknown"));
  }
  if (request.diff_id && *request.diff_id != diff_id) {
    return corrupt("the layer is damaged: unpacked it should be " + request.diff_id->text() + " but is " +
                   diff_id.text());
  }
  return ok();
}

FeedRequest feed_request(const LayerRequest& request, int keep_fd) {
  FeedRequest feed;
  feed.input = request.input;
  feed.keep_fd = keep_fd;
  if (keep_fd >= 0) feed.blob_algorithm = DigestAlgorithm::kSha256;
  if (request.blob_digest) feed.blob_algorithm = request.blob_digest->algorithm();
  feed.max_bytes = request.limits.max_bytes;
  feed.limits = request.limits;
  return feed;
}

std::optional<LayerBlob> kept_blob(const LayerRequest& request, const FeedAnswer& fed) {
  if (!fed.kept) return std::nullopt;
  // A type that says otherwise than the bytes do (an uncompressed layer's, in docker-archives) would break
  // readers.
  const bool fits = fed.kept->as_it_came && request.media_type.ends_with(fed.kept->is_zstd ? "zstd" : "gzip");
  std::string type = fed.kept->is_zstd ? kZstdType : kGzipType;
  if (fits) type = request.media_type;
  return LayerBlob{fed.kept->digest, fed.kept->bytes, std::move(type)};
}

}  // namespace

Result<LayerUnpacking> LayerUnpacking::start(const LayerRequest& request) {
  Fd kept;
  if (!request.keep_as.empty())
    kept = TRY(sys::open(request.keep_as.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  UnpackRequest unpack{request.directory, DigestAlgorithm::kSha256, request.limits};
  if (request.diff_id) unpack.algorithm = request.diff_id->algorithm();
  const FeedRequest feed = feed_request(request, kept ? kept.get() : -1);
  if (request.fused) {
    Unpacker unpacker = TRY(Unpacker::start_with_feed(feed, unpack));
    return LayerUnpacking(request, std::move(unpacker));
  }
  const sys::Pipe pipe = TRY(sys::pipe2(0));
  ::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeBytes);
  Unpacker unpacker = TRY(Unpacker::start(pipe.reader.get(), unpack));
  LayerUnpacking layer(request, std::move(unpacker));
  Feeder feeder = TRY(Feeder::start(feed, pipe.writer.get(), request.empty_directory));
  layer.feeder_.emplace(std::move(feeder));
  return layer;
}

Result<UnpackedLayer> LayerUnpacking::finish() {
  std::optional<Result<FeedAnswer>> fed;
  if (feeder_) fed = feeder_->finish();
  auto unpacked = unpacker_.finish();
  // A feeder that failed is the cause when the unpacker complains about a truncated tar.
  if (fed && !*fed) return std::move(*fed).error();
  if (!unpacked) return std::move(unpacked).error();
  const FeedAnswer& answer = fed ? **fed : *unpacked->fed;
  if (answer.output_closed) return corrupt("the unpacking process ended too early");
  TRY(verify(request_, answer, *unpacked->diff_id));
  auto kept = kept_blob(request_, answer);
  Digest diff_id = *unpacked->diff_id;
  return UnpackedLayer{std::move(diff_id), std::move(*unpacked), std::move(kept)};
}

Result<UnpackedLayer> unpack_layer(const LayerRequest& request) {
  LayerUnpacking layer = TRY(LayerUnpacking::start(request));
  return layer.finish();
}

}  // namespace image
