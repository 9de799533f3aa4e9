// Making a container from a bundle: config.json read and checked, the plan performed, the state on disk
// before every step that needs it. What `create` and `run` have in common.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/container_record.h"
#include "runtime/hooks.h"
#include "runtime/launch.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace runtime {

struct HostFacts;

enum class CgroupManager { kFiles, kSystemd, kDisabled };

// A bundle as it was found.
struct BundleFile {
  std::string directory;  // absolute; relative paths are looked for here
  std::string file;       // config.json's path, to be printed
  std::string text;       // of config.json
};
// Reads BUNDLE/config.json, or `config` unless that is empty. For callers that close descriptors: it may be
// one, /dev/fd/63. Errors: kNotFound "... no such file or directory" without that file; kInvalid for one of
// more than 16 MiB.
Result<BundleFile> read_bundle(const std::string& bundle, const std::string& config);

struct ContainerRequest {
  std::string root;  // of the state directories
  std::string id;
  BundleFile bundle;
  std::string pid_file;
  std::string console_socket;  // receives the master of the terminal; empty: the caller handles it
  std::string pidfd_socket;    // receives a pidfd of the init
  bool is_detached = false;    // run: nobody stays with the container
  // Called before the start of a container whose terminal the caller handles.
  std::function<void()> on_terminal;
  bool no_pivot = false;
  bool no_new_keyring = false;
  unsigned preserve_fds = 0;
  unsigned listen_fds = 0;  // so many of them are sockets of socket activation, sd_listen_fds(3)
  CgroupManager cgroup_manager = CgroupManager::kFiles;
  char** argv = nullptr;  // run: to run again sealed (runtime/seal.h) when the init is exposed
};

// Brings a process's capabilities to what it can have: none at all when its config.json does not say any,
// nothing that can't be granted (a user namespace of its own has all, `os` tells), no ambient ones that are
// not inheritable and permitted, too (capabilities(7); runc's default config.json asks for some). Returns
// what a person should know, as texts: config.md wants a warning for what can't be granted, and no failure.
std::vector<std::string> settle_capabilities(const Linux& os, Process& process);

// The bundle's own config.json of a container, from its state directory. Errors as create_container().
Result<Spec> read_kept_spec(const StateDirectory& directory);

// A container whose init is there. `launched` is ready to be started, or waits at its gate already. Passed on
// by pointer: with all that a spec has it is some pages of a stack, of which each one costs a start.
struct Made {
  StateDirectory directory;
  ContainerRecord record;
  Spec spec;
  std::unique_ptr<Launched> launched;
  std::vector<std::string> warnings;
};

// Makes the container up to its gate: pid file, console and pidfd are handed over, `launched` is let go. On
// an error nothing is left, and the pid file is gone. Errors: kConflict for an id that is in use; kInvalid
// for members of config.json that are wrong, with their JSON pointer; kCorrupt for what is not JSON;
// kUnsupported for a newer major version; those of make_plan(), launch().
Result<std::unique_ptr<Made>> create_container(const ContainerRequest& request);

// The same without a gate, and the program runs when this returns. poststart hooks have run. `launched` holds
// the init until it is destroyed, which changes nothing.
Result<std::unique_ptr<Made>> run_container(const ContainerRequest& request);

// What hooks read of the container.
HookState hook_state(const ContainerRecord& record, Status status, pid_t pid);

// Runs the poststart hooks; on an error the container is killed and deleted, as runtime-spec runtime.md
// "Lifecycle" wants it.
Result<void> finish_start(const std::string& root, const ContainerRecord& record, const Spec& spec,
                          pid_t pid);

}  // namespace runtime
