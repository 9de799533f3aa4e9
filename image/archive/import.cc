#include "image/archive/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "image/archive/hash.h"
#include "image/archive/layer_finish.h"
#include "image/archive/unpack_layer.h"
#include "image/changes.h"

namespace image {

namespace {

Result<Fd> open_input(const std::string& path) {
  if (path == "-") return sys::dup(STDIN_FILENO);
  auto file = sys::open(path.c_str(), O_RDONLY);
  if (!file) return Error::from_errno("open " + printable(path), file.error().error_number());
  const struct stat status = TRY(sys::fstat(file->get()));
  if (S_ISDIR(status.st_mode))
    return invalid(printable(path) + " is a directory; pack it: tar -C " + shell_quote(path) +
                   " -c . | vial import -");
  return file;
}

std::string make_config(const ImportRequest& request, const RunConfig& run, const Digest& diff_id) {
  const Platform platform = request.platform ? *request.platform : host_platform();
  const std::string created = format_time(now_ns());
  const std::string message = request.message.empty() ? "Imported from " + request.input : request.message;
  Json config = {{"architecture", platform.architecture},
                 {"os", platform.os},
                 {"created", created},
                 {"comment", message},
                 {"config", write_run_config(run)},
                 {"history", Json::array({{{"created", created}, {"comment", message}}})},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array({diff_id.text()})}}}};
  if (!platform.variant.empty()) config["variant"] = platform.variant;
  return dump_json(config);
}

Result<NewLayer> unpack_input(const Staging& staging, const ImportRequest& request) {
  const Fd file = TRY(open_input(request.input));
  LayerRequest layer;
  layer.input.fd = file.get();
  layer.directory = staging.path() + "/layer-0/fs";
  layer.empty_directory = staging.path() + "/empty";
  layer.limits = request.limits;
  TRY(make_directories(layer.empty_directory, kRootMode));
  TRY(make_directories(layer.directory));
  if (::chmod(layer.directory.c_str(), kRootMode) < 0)
    return Error::from_errno("chmod " + layer.directory, errno);
  layer.keep_as = staging.path() + "/blob-0";
  UnpackedLayer unpacked = TRY(unpack_layer(layer));
  TRY(finish_layer(layer.directory, {}, unpacked.answer));
  return NewLayer{unpacked.diff_id,
                  unpacked.diff_id,
                  unpacked.answer.size_bytes,
                  "layer-0",
                  unpacked.countable_entries(),
                  std::move(unpacked.kept),
                  layer.keep_as};
}

}  // namespace

Result<Digest> import_tar(const Store& store, const ImportRequest& request) {
  RunConfig run;
  for (const auto& change : request.changes)
    TRY_IN("change '" + printable(change) + "'", apply_change(run, change));
  const Staging staging = TRY(store.stage());
  NewLayer layer = TRY(unpack_input(staging, request));
  std::string config_json = make_config(request, run, layer.diff_id);
  Digest id = TRY(digest_of(config_json));
  NewImage image{std::move(id), std::move(config_json), {}, {}};
  image.layers.push_back(std::move(layer));
  if (request.tag) image.tags.push_back(*request.tag);
  const Image published = TRY(store.publish(staging, image));
  return published.id;
}

}  // namespace image
