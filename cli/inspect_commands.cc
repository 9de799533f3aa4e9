// inspect, container inspect, image inspect: everything known about objects, as JSON.
#include <optional>

#include "base/file.h"
#include "base/strings.h"
#include "cli/image_rows.h"
#include "cli/list_options.h"
#include "cli/output.h"
#include "cli/registry.h"
#include "cli/store_access.h"
#include "cli/template.h"

namespace cli {

namespace {

using enum OptionKind;

constexpr OptionSpec kFormatOption[] = {
    {'f', "format", kString, kFormatHelp},
};
constexpr OptionSpec kInspectOptions[] = {
    {'s', "size", kFlag, "Display total file sizes if the type is container"},
    {0, "type", kString, "Only inspect objects of the given type (container|image)"},
};
constexpr OptionSpec kImageInspectOptions[] = {
    {0, "platform", kString, "Inspect an image of this platform only, as os/arch[/variant]"},
};
constexpr OptionSpec kContainerInspectOptions[] = {
    {'s', "size", kFlag, "Display total file sizes"},
};

Result<Json> inspect_one_container(const Invocation& call, const std::string& ref) {
  const engine::Store store = open_store(call);
  const engine::Container container = TRY(store.find(ref));
  Json object = engine::inspect_container(store, container);
  if (!call.options.flag("size")) return object;
  const uint64_t own = TRY(tree_size(store.container_directory(container.record.id) + "/upper"));
  const auto image = image::Store(store.root()).find(container.record.image.id);
  object["SizeRw"] = own;
  object["SizeRootFs"] = own + (image ? image->size_bytes : 0);
  return object;
}

Result<Json> inspect_one_image(const Invocation& call, const std::string& ref) {
  const image::Store store(call.globals.root);
  const image::Image image = TRY(store.inspect(ref));
  const std::string config = TRY(store.config_json(image.id));
  return inspect_image(store, image, config);
}

// Containers before images, as Docker looks.
Result<Json> inspect_any(const Invocation& call, const std::string& ref) {
  const std::string type = call.options.string("type");
  if (type != "image") {
    auto container = inspect_one_container(call, ref);
    if (container || container.error().kind() != ErrorKind::kNotFound || type == "container")
      return container;
  }
  auto image = inspect_one_image(call, ref);
  const bool is_no_image = !image && image.error().kind() != ErrorKind::kCorrupt && type.empty();
  if (is_no_image) return not_found("No such object: " + printable(ref));
  return image;
}

using Look = Result<Json> (*)(const Invocation& call, const std::string& ref);

// Prints what was found, then what was not; 1 if anything was not.
Result<int> inspect_all(const Invocation& call, Look look) {
  const std::string format = call.options.string("format");
  std::optional<Template> shape;
  if (!format.empty() && format != "json") shape = TRY(Template::parse(format));
  Json found = Json::array();
  std::vector<Error> errors;
  for (const auto& ref : call.arguments()) {
    auto object = look(call, ref);
    if (!object) {
      errors.push_back(object.error());
      continue;
    }
    if (!shape) {
      found.push_back(std::move(*object));
      continue;
    }
    const auto text = shape->render(*object);
    if (text) {
      print(safe_for_stdout(*text + "\n"));
    } else {
      errors.push_back(text.error());
    }
  }
  if (!shape)
    print(safe_for_stdout(found.empty() ? "[]\n" : dump_json(found, format == "json" ? -1 : 4) + "\n"));
  for (const auto& error : errors)
    complain_of(error);
  return errors.empty() ? 0 : 1;
}

Result<int> run_inspect(const Invocation& call) {
  const std::string type = call.options.string("type");
  if (!type.empty() && type != "container" && type != "image")
    return invalid("\"" + printable(type) + "\" is not a valid value for --type: container and image are");
  return inspect_all(call, inspect_any);
}

Result<int> run_container_inspect(const Invocation& call) {
  return inspect_all(call, inspect_one_container);
}

Result<Json> inspect_image_for(const Invocation& call, const std::string& ref) {
  const image::Image image = TRY(image::Store(call.globals.root).find(ref));
  TRY(image::expect_platform(image, ref, call.options.string("platform")));
  return inspect_one_image(call, ref);
}

Result<int> run_image_inspect(const Invocation& call) {
  return inspect_all(call, inspect_image_for);
}

constexpr Command kCommands[] = {
    {.names = "inspect",
     .usage = "[OPTIONS] NAME|ID [NAME|ID...]",
     .summary = "Return low-level information on containers and images",
     .options = {kFormatOption, kInspectOptions},
     .min_arguments = 1,
     .handler = run_inspect,
     .examples = "# One fact\nvial inspect -f '{{.State.OOMKilled}}' web",
     .completes = Names::kContainers},
    {.names = "container inspect",
     .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
     .summary = "Display detailed information on one or more containers",
     .options = {kFormatOption, kContainerInspectOptions},
     .min_arguments = 1,
     .handler = run_container_inspect,
     .examples = "# How it ended\nvial container inspect -f '{{.State.ExitCode}} {{.State.Error}}' job",
     .completes = Names::kContainers},
    {.names = "image inspect",
     .usage = "[OPTIONS] IMAGE [IMAGE...]",
     .summary = "Display detailed information on one or more images",
     .options = {kFormatOption, kImageInspectOptions},
     .min_arguments = 1,
     .handler = run_image_inspect,
     .examples = "# What it runs\nvial image inspect -f '{{json .Config.Cmd}}' busybox",
     .completes = Names::kImages},
};

}  // namespace

const std::span<const Command> kInspectCommands = kCommands;

}  // namespace cli
