#include "engine/shell_files.h"

#include "base/strings.h"
#include "engine/prepare.h"

namespace engine {

Result<runtime::ShellFiles> shell_files(const Store& store, const ContainerRecord& record) {
  const std::string own = store.container_directory(record.id);
  const std::string run = store.run_directory(record.id);
  const auto files = TRY(network_files(record));
  runtime::ShellFiles shell;
  shell.id = record.id;
  shell.make = "mkdir -p " + shell_words({own + "/upper", own + "/work", own + "/rootfs", run}) + "\n";
  for (const auto& file : files)
    shell.make += "printf %s " + shell_quote(file.text) + " > " + shell_quote(run + "/" + file.name) + "\n";
  for (const auto& mount : record.mounts) {
    if (mount.type == "volume" || (mount.type == "bind" && mount.create_host))
      shell.make +=
          "[ -e " + shell_quote(mount.source) + " ] || mkdir -p " + shell_quote(mount.source) + "\n";
  }
  shell.remove = "  rm -rf " + shell_words({own, run}) + "\n";
  return shell;
}

}  // namespace engine
