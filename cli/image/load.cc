// `load`: docker's options and output.
#include "image/archive/load.h"

#include <getopt.h>
#include <unistd.h>

#include <cstdio>

#include "base/strings.h"
#include "base/units.h"
#include "cli/image/commands.h"

namespace cli {

namespace {

constexpr const char* kLoadUsage =
    "Usage: vial load [OPTIONS]\n\n"
    "Load an image from a tar archive, an OCI directory or standard input\n\n"
    "  -i, --input FILE       Read from an archive or a directory instead of standard input\n"
    "  -q, --quiet            Print no progress\n"
    "      --max-bytes SIZE   Refuse layers that are larger when unpacked (default 64GiB)\n"
    "      --max-ratio N      Refuse layers that unpack to more than N times their size (default 200)\n"
    "      --max-entries N    Refuse layers with more files (default 10000000)\n";

constexpr int64_t kQuietTime = 500'000'000;  // ns; a load that takes no longer says nothing in between

struct LoadOptions {
  image::LoadRequest request;
  bool quiet = false;
  bool help = false;
};

enum LongOption { kMaxBytes = 256, kMaxRatio, kMaxEntries, kHelp };

constexpr option kLoadOptions[] = {{"input", required_argument, nullptr, 'i'},
                                   {"quiet", no_argument, nullptr, 'q'},
                                   {"max-bytes", required_argument, nullptr, kMaxBytes},
                                   {"max-ratio", required_argument, nullptr, kMaxRatio},
                                   {"max-entries", required_argument, nullptr, kMaxEntries},
                                   {"help", no_argument, nullptr, kHelp},
                                   {nullptr, 0, nullptr, 0}};

Result<void> read_load_option(int choice, const char* value, LoadOptions& options) {
  image::Limits& limits = options.request.limits;
  switch (choice) {
    case 'i':
      options.request.input = value;
      return ok();
    case 'q':
      options.quiet = true;
      return ok();
    case kHelp:
      options.help = true;
      return ok();
    case kMaxBytes:
      limits.max_bytes = static_cast<uint64_t>(TRY(parse_size(value)));
      return ok();
    case kMaxRatio:
      limits.max_ratio = TRY(parse_uint(value));
      return ok();
    case kMaxEntries:
      limits.max_entries = TRY(parse_uint(value));
      return ok();
    default:
      return invalid("see 'vial load --help'");
  }
}

Result<LoadOptions> read_load_options(int argc, char** argv) {
  LoadOptions options;
  for (;;) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    const int choice = ::getopt_long(argc, argv, "i:q", kLoadOptions, nullptr);
    if (choice < 0) break;
    TRY(read_load_option(choice, optarg, options));
  }
  if (optind < argc)
    return invalid("\"vial load\" accepts no arguments: archives are given with -i or on stdin");
  if (options.request.limits.max_ratio == 0) return invalid("--max-ratio must be at least 1");
  return options;
}

// One line that is written over, on a terminal and only when it takes a while.
std::function<void(size_t, size_t)> progress(bool quiet, bool* shown) {
  if (quiet || ::isatty(STDERR_FILENO) == 0) return {};
  const int64_t start = monotonic_ns();
  return [start, shown](size_t number, size_t count) {
    if (monotonic_ns() - start < kQuietTime) return;
    std::fprintf(stderr, "\rLoading layer %zu of %zu\x1b[K", number, count);
    *shown = true;
  };
}

void print_loaded(const std::vector<image::LoadedImage>& images) {
  for (const auto& loaded : images) {
    for (const auto& tag : loaded.tags)
      std::printf("Loaded image: %s\n", tag.familiar().c_str());
    if (loaded.tags.empty()) std::printf("Loaded image ID: %s\n", loaded.id.text().c_str());
  }
}

}  // namespace

std::string printable_word(const char* text) {
  return printable(text);
}

int load_command(const std::string& root, int argc, char** argv) {
  auto options = read_load_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "vial load: %s\n", options.error().text().c_str());
    return 1;
  }
  if (options->help) return std::fputs(kLoadUsage, stdout), 0;
  if (options->request.input == "-" && ::isatty(STDIN_FILENO) != 0) {
    std::fputs("requested load from stdin, but stdin is empty\n", stderr);
    return 1;
  }
  bool shown = false;
  options->request.on_layer = progress(options->quiet, &shown);
  const auto images = image::load(image::Store(root), options->request);
  if (shown) std::fputs("\r\x1b[K", stderr);
  if (!images) {
    std::fprintf(stderr, "vial: load: %s\n", images.error().text().c_str());
    return 1;
  }
  print_loaded(*images);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace cli
