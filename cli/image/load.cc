// `load`: docker's options and output.
#include "image/archive/load.h"

#include <unistd.h>

#include <cstdio>

#include "base/strings.h"
#include "base/units.h"
#include "cli/image/background.h"
#include "cli/image/handlers.h"
#include "cli/output.h"

namespace cli {

namespace {

constexpr int64_t kSilentTime = 500'000'000;  // ns; a load that takes no longer says nothing in between

Result<image::Limits> read_limits(const Options& options) {
  image::Limits limits;
  if (const auto bytes = options.size_bytes("max-bytes")) limits.max_bytes = static_cast<uint64_t>(*bytes);
  if (const auto ratio = options.integer("max-ratio")) {
    if (*ratio < 1) return invalid("--max-ratio must be at least 1");
    limits.max_ratio = static_cast<uint64_t>(*ratio);
  }
  if (const auto entries = options.integer("max-entries")) {
    if (*entries < 1) return invalid("--max-entries must be at least 1");
    limits.max_entries = static_cast<uint64_t>(*entries);
  }
  return limits;
}

// One line that is written over, on a terminal and only when it takes a while.
class Progress {
 public:
  explicit Progress(bool quiet) : wanted_(!quiet && ::isatty(STDERR_FILENO) != 0), start_(monotonic_ns()) {}
  ~Progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void layer(size_t number, size_t count) {
    if (!wanted_ || monotonic_ns() - start_ < kSilentTime) return;
    std::fprintf(stderr, "\rLoading layer %zu of %zu\x1b[K", number, count);
    shown_ = true;
  }

 private:
  bool wanted_;
  bool shown_ = false;
  int64_t start_;
};

}  // namespace

Result<int> load_images(const Invocation& call) {
  image::LoadRequest request;
  if (call.options.given("input")) request.input = call.options.string("input");
  request.limits = TRY(read_limits(call.options));
  request.platform = TRY(parse_platform(call.options.string("platform")));
  if (request.input == "-" && ::isatty(STDIN_FILENO) != 0)
    return invalid("requested load from stdin, but stdin is empty");
  const image::Store store(call.globals.root);
  std::vector<image::LoadedImage> loaded;
  {
    Progress progress(call.options.flag("quiet"));
    request.on_layer = [&](size_t number, size_t count) { progress.layer(number, count); };
    loaded = TRY_IN("load", image::load(store, request));
  }
  settle_in_background(store);
  for (const auto& image : loaded) {
    for (const auto& tag : image.tags)
      print_line("Loaded image: " + tag.familiar());
    if (image.tags.empty()) print_line("Loaded image ID: " + image.id.text());
  }
  return 0;
}

}  // namespace cli
