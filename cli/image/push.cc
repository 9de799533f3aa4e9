// `push`: docker's options and output.
#include "image/registry/push.h"

#include <unistd.h>

#include "cli/image/handlers.h"
#include "cli/image/transfer_view.h"
#include "cli/output.h"

namespace cli {

namespace {

using image::registry::PushPhase;

class PushView : public image::registry::PushObserver {
 public:
  explicit PushView(bool quiet) : view_(STDOUT_FILENO, quiet), on_terminal_(::isatty(STDOUT_FILENO) == 1) {}

  void on_layer(size_t index, const std::string& id, PushPhase phase, const std::string& from) override {
    switch (phase) {
      case PushPhase::kPreparing:
        return view_.state(index, id, "Preparing");
      case PushPhase::kWaiting:
        return view_.state(index, id, "Waiting");
      case PushPhase::kPushing:
        if (on_terminal_) view_.state(index, id, "Pushing");
        return;
      case PushPhase::kPushed:
        return view_.state(index, id, "Pushed");
      case PushPhase::kExists:
        return view_.state(index, id, "Layer already exists");
      case PushPhase::kMounted:
        return view_.state(index, id, "Mounted from " + from);
    }
  }
  void on_bytes(size_t index, uint64_t done, uint64_t total) override {
    if (done > 0 && done < total) view_.progress(index, "Pushing", done, total);
  }
  void on_tag(const std::string& tag, const image::Digest& digest, size_t manifest_bytes) override {
    view_.finish();
    view_.line(tag + ": digest: " + digest.text() + " size: " + std::to_string(manifest_bytes));
  }
  void line(const std::string& text) { view_.line(text); }

 private:
  TransferView view_;
  bool on_terminal_;
};

}  // namespace

Result<int> push_image(const Invocation& call) {
  const bool quiet = call.options.flag("quiet");
  const bool all_tags = call.options.flag("all-tags");
  PushView view(quiet);
  image::Reference reference = TRY(image::Reference::parse(call.arguments().front()));
  if (reference.digest()) return invalid("cannot push a digest reference");
  if (all_tags && !reference.tag().empty()) return invalid("tag can't be used with --all-tags/-a");
  if (!all_tags && reference.tag().empty()) {
    view.line("Using default tag: latest");
    reference = reference.with_tag("latest");
  }
  const auto settings = TRY(image::registry::read_settings());
  view.line("The push refers to repository [" + reference.repository() + "]");
  TRY(image::registry::push(image::Store(call.globals.root),
                            {reference, all_tags, call.options.string("platform")}, settings, view));
  if (quiet) print_line(reference.text());
  return 0;
}

}  // namespace cli
