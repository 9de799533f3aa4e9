// ps.
#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/container_filters.h"
#include "cli/container_rows.h"
#include "cli/list_options.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "image/store.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kPsOptions[] = {
    {'a', "all", kFlag, "Show all containers (default shows just running)"},
    {'f', "filter", kList, "Filter output based on conditions provided", "filter", nullptr, nullptr,
     check_filter},
    {0, "format", kString, kListFormatHelp},
    {'n', "last", kInt, "Show n last created containers (includes all states)", nullptr, "-1"},
    {'l', "latest", kFlag, "Show the latest created container (includes all states)"},
    {0, "no-trunc", kFlag, "Don't truncate output"},
    {'q', "quiet", kFlag, "Only display container IDs"},
    {'s', "size", kFlag, "Display total file sizes"},
};

bool is_up(const engine::CurrentState& state) {
  return state.status == engine::Status::kRunning || state.status == engine::Status::kPaused ||
         state.status == engine::Status::kRestarting;
}

std::vector<const engine::Container*> chosen(const Invocation& call, const engine::Listing& listing,
                                             const ContainerFilters& filters) {
  int64_t most = call.options.flag("latest") ? 1 : call.options.integer("last").value_or(-1);
  const bool every_state = call.options.flag("all") || most > 0 || filters.wants_every_state();
  std::vector<const engine::Container*> containers;
  for (const auto& container : listing.containers) {
    if (!every_state && !is_up(container.state)) continue;
    if (!filters.matches(container)) continue;
    containers.push_back(&container);
    if (most > 0 && --most == 0) break;
  }
  return containers;
}

RowDetails details_of(const Invocation& call, const engine::Store& store,
                      const engine::Container& container) {
  RowDetails details;
  details.now_ns = now_ns();
  details.truncate = !call.options.flag("no-trunc");
  if (!call.options.flag("size")) return details;
  details.size_bytes = tree_size(store.container_directory(container.record.id) + "/upper").value_or(0);
  const auto image = image::Store(store.root()).find(container.record.image.id);
  if (image) details.image_bytes = image->size_bytes;
  return details;
}

Result<int> run_ps(const Invocation& call) {
  const engine::Store store = open_store(call);
  const engine::Listing listing = TRY(store.list());
  const ContainerFilters filters = TRY(ContainerFilters::make(call.options.list("filter"), listing));
  for (const auto& damaged : listing.damaged) {
    complain("WARNING: container " + printable(damaged.id.substr(0, 12)) + ": " + printable(damaged.error) +
             "; \"vial rm -f " + printable(damaged.id.substr(0, 12)) + "\" removes it");
  }
  std::vector<Json> rows;
  for (const auto* container : chosen(call, listing, filters))
    rows.push_back(container_row(*container, details_of(call, store, *container)));
  const std::string format = effective_format(call.options);
  print(TRY(render_list(container_list_format(call.options.flag("size")), format, rows)));
  return 0;
}

constexpr Command kCommands[] = {
    {.names = "container ls, container list, container ps, ps",
     .usage = "[OPTIONS]",
     .summary = "List containers",
     .options = {kPsOptions},
     .max_arguments = 0,
     .handler = run_ps,
     .examples = "# Names and states of all of them\n"
                 "vial ps -a --format 'table {{.Names}}\\t{{.Status}}'\n"
                 "\n"
                 "# Remove what has ended\n"
                 "vial rm $(vial ps -q -f status=exited)",
     .common = true},
};

}  // namespace

const std::span<const Command> kListCommands = kCommands;

}  // namespace cli
