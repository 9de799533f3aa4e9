#include "image/archive/unpack_layer.h"

#include <fcntl.h>

#include "base/syscalls.h"
#include "image/archive/feed.h"

namespace image {

namespace {

constexpr int kPipeBytes =
    1 << 20;  // what the system allows without a privilege; fewer switches between the two

Result<void> verify(const LayerRequest& request, const FeedAnswer& fed) {
  if (request.blob_bytes && *request.blob_bytes != fed.blob_bytes) {
    return corrupt("the layer is damaged: it should have " + std::to_string(*request.blob_bytes) +
                   " bytes but has " + std::to_string(fed.blob_bytes));
  }
  if (request.blob_digest && *request.blob_digest != fed.blob_digest) {
    return corrupt("the layer is damaged: it should be " + request.blob_digest->text() + " but is " +
                   fed.blob_digest.text());
  }
  if (request.diff_id && *request.diff_id != fed.content_digest) {
    return corrupt("the layer is damaged: unpacked it should be " + request.diff_id->text() + " but is " +
                   fed.content_digest.text());
  }
  return ok();
}

FeedRequest feed_request(const LayerRequest& request, int output_fd) {
  FeedRequest feed;
  feed.input = request.input;
  feed.output_fd = output_fd;
  feed.empty_directory = request.empty_directory;
  if (request.blob_digest) feed.blob_algorithm = request.blob_digest->algorithm();
  if (request.diff_id) feed.content_algorithm = request.diff_id->algorithm();
  feed.max_bytes = request.limits.max_bytes;
  feed.limits = request.limits;
  return feed;
}

}  // namespace

Result<UnpackedLayer> unpack_layer(const LayerRequest& request) {
  sys::Pipe pipe = TRY(sys::pipe2(0));
  ::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeBytes);
  Unpacker unpacker = TRY(Unpacker::start(pipe.reader.get(), request.directory, request.limits));
  const FeedRequest feed = feed_request(request, pipe.writer.get());
  Feeder feeder = TRY(Feeder::start(feed));
  pipe.reader.reset();
  pipe.writer.reset();
  // A feeder that failed is the cause when the unpacker complains about a truncated tar.
  auto fed = feeder.finish();
  auto unpacked = unpacker.finish();
  if (!fed) return std::move(fed).error();
  if (!unpacked) return std::move(unpacked).error();
  if (fed->output_closed) return corrupt("the unpacking process ended too early");
  TRY(verify(request, *fed));
  return UnpackedLayer{std::move(fed->content_digest), std::move(*unpacked)};
}

}  // namespace image
