// Hooks as steps of a plan. Those of the host (prestart, createRuntime) run when the container's mounts are
// there and before the pivot, which the init does: so the two lanes wait for each other on a socket of their
// own. Source: runtime-spec config.md "POSIX-platform Hooks".
#pragma once

#include <string>

#include "base/step.h"
#include "runtime/hooks.h"
#include "runtime/spec.h"

namespace runtime {

// Host lane, before clone: the socket on which the lanes wait for each other.
StepPtr open_hook_channel_step();
// Init lane: waits until the host has written id maps and attached the network. Instead of
// wait_for_host_step() where there are host hooks: kConfigured comes after these.
StepPtr wait_for_configuration_step();
// Host lane, its last step: lets the init go on, waits until it has mounted everything, runs the prestart and
// the createRuntime hooks. An init that fails meanwhile is no error here: it has said so itself.
StepPtr host_hooks_step(const Hooks& hooks, HookState state);
// Init lane, before the pivot: lets the host run its hooks, waits for kConfigured.
StepPtr wait_for_host_hooks_step();

// Init lane, before the pivot: programs of the host in the container's namespaces, in the rootfs as working
// directory.
StepPtr create_container_hooks_step(const Hooks& hooks, HookState state);
// Init lane, after the start: programs of the container, with what the container's process may do.
StepPtr start_container_hooks_step(const Hooks& hooks, HookState state);

}  // namespace runtime
