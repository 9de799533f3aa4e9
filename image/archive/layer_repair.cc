#include "image/archive/layer_repair.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "image/archive/layer_finish.h"
#include "image/archive/unpack_layer.h"

namespace image {

Result<void> repair_layer(const Store& store, const Layer& layer, const std::vector<const Layer*>& lower) {
  const auto blobs = TRY(store.layer_blobs(layer.diff_id));
  if (blobs.empty() || !store.has_blob(blobs.front().digest)) return not_found("its packed form is not here");
  const Fd blob = TRY(sys::open(store.blob_path(blobs.front().digest).c_str(), O_RDONLY | O_NOFOLLOW));
  const Staging staging = TRY(store.stage());
  LayerRequest request;
  request.input.fd = blob.get();
  request.directory = staging.path() + "/layer-0/fs";
  request.empty_directory = staging.path() + "/empty";
  request.blob_digest = blobs.front().digest;
  request.diff_id = layer.diff_id;
  TRY(make_directories(request.empty_directory, kRootMode));
  TRY(make_directories(request.directory));
  if (::chmod(request.directory.c_str(), kRootMode) < 0)
    return Error::from_errno("chmod " + request.directory, errno);
  const UnpackedLayer unpacked = TRY(unpack_layer(request));
  std::vector<std::string> below;
  for (const Layer* one : lower)
    below.push_back(store.layer_path(one->directory) + "/fs");
  TRY(finish_layer(request.directory, below, unpacked.answer));
  const NewLayer fresh{layer.chain_id, layer.diff_id, unpacked.answer.size_bytes, "layer-0",
                       unpacked.countable_entries()};
  return store.replace_layer(staging, fresh);
}

}  // namespace image
