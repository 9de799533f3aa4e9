// `pull`: docker's options and output.
#include "image/registry/pull.h"

#include <unistd.h>

#include "base/strings.h"
#include "cli/image/background.h"
#include "cli/image/handlers.h"
#include "cli/image/transfer_view.h"
#include "cli/output.h"

namespace cli {

namespace {

using image::registry::LayerPhase;

const char* phase_text(LayerPhase phase) {
  switch (phase) {
    case LayerPhase::kPending:
    case LayerPhase::kWaiting:
      return "Pulling fs layer";
    case LayerPhase::kDownloading:
      return "Downloading";
    case LayerPhase::kDownloaded:
      return "Download complete";
    case LayerPhase::kExtracting:
      return "Extracting";
    case LayerPhase::kComplete:
      return "Pull complete";
    case LayerPhase::kExists:
      return "Already exists";
  }
  return "";
}

class PullView : public image::registry::PullObserver {
 public:
  explicit PullView(bool quiet) : view_(STDOUT_FILENO, quiet), on_terminal_(::isatty(STDOUT_FILENO) == 1) {}

  void on_image(const std::string& which, const image::Reference& repository) override {
    view_.line(which + ": Pulling from " + repository.path());
  }
  void on_layer(size_t index, const std::string& id, LayerPhase phase) override {
    const bool is_passing = phase == LayerPhase::kDownloading || phase == LayerPhase::kExtracting;
    if (is_passing && !on_terminal_) return;
    view_.state(index, id, phase_text(phase));
  }
  void on_bytes(size_t index, uint64_t done, uint64_t total) override {
    if (done > 0 && done < total) view_.progress(index, "Downloading", done, total);
  }
  void on_end() override { view_.finish(); }
  void line(const std::string& text) { view_.line(text); }

 private:
  TransferView view_;
  bool on_terminal_;
};

Result<image::Reference> reference_of(const Invocation& call, bool all_tags, PullView& view) {
  const std::string& typed = call.arguments().front();
  image::Reference reference = TRY(image::Reference::parse(typed));
  const bool bare = reference.tag().empty() && !reference.digest();
  if (all_tags && !bare) return invalid("tag can't be used with --all-tags/-a");
  if (!bare || all_tags) return reference;
  view.line("Using default tag: latest");
  return reference.with_tag("latest");
}

}  // namespace

Result<int> pull_image(const Invocation& call) {
  const bool quiet = call.options.flag("quiet");
  const bool all_tags = call.options.flag("all-tags");
  PullView view(quiet);
  image::Reference reference = TRY(reference_of(call, all_tags, view));
  image::registry::PullRequest request{std::move(reference), {}, all_tags, {}};
  request.platform = TRY(parse_platform(call.options.string("platform")));
  const auto settings = TRY(image::registry::read_settings());
  const image::Store store(call.globals.root);
  const auto pulled = TRY(image::registry::pull(store, request, settings, view));
  settle_in_background(store);
  bool any_new = false;
  for (const auto& image : pulled) {
    view.line("Digest: " + image.manifest_digest.text());
    any_new = any_new || image.is_new;
  }
  const std::string name = all_tags ? request.reference.familiar_repository() : request.reference.familiar();
  view.line((any_new ? "Status: Downloaded newer image for " : "Status: Image is up to date for ") + name);
  if (!call.options.flag("for-run"))
    print_line(all_tags ? request.reference.repository() : request.reference.text());
  return 0;
}

}  // namespace cli
