// The members of RunRequest and Limits by name, for fields.h.
#pragma once

#include "engine/fields.h"
#include "engine/run.h"

namespace engine {

template <typename Visit, Is<Limits> T>
void visit_fields(Visit& visit, T& limits) {
  visit("memory", limits.memory_bytes);
  visit("memorySwap", limits.memory_swap_bytes);
  visit("memoryReservation", limits.memory_reservation_bytes);
  visit("memorySwappiness", limits.memory_swappiness);
  visit("oomKillDisable", limits.oom_kill_disable);
  visit("nanoCpus", limits.nano_cpus);
  visit("cpuShares", limits.cpu_shares);
  visit("cpuQuota", limits.cpu_quota_us);
  visit("cpuPeriod", limits.cpu_period_us);
  visit("cpusetCpus", limits.cpuset_cpus);
  visit("cpusetMems", limits.cpuset_mems);
  visit("pids", limits.pids_limit);
  visit("blkioWeight", limits.blkio_weight);
  visit("deviceReadBps", limits.device_read_bps);
  visit("deviceWriteBps", limits.device_write_bps);
  visit("deviceReadIops", limits.device_read_iops);
  visit("deviceWriteIops", limits.device_write_iops);
}

template <typename Visit, Is<RunRequest> T>
void visit_process_fields(Visit& visit, T& request) {
  visit("image", request.image);
  visit("command", request.command);
  visit("name", request.name);
  visit("labels", request.labels);
  visit("platform", request.platform);
  visit("entrypoint", request.entrypoint);
  visit("env", request.env);
  visit("user", request.user);
  visit("groupAdd", request.group_add);
  visit("workdir", request.workdir);
  visit("tty", request.tty);
  visit("interactive", request.interactive);
  visit("detach", request.detach);
  visit("attach", request.attach);
  visit("remove", request.remove);
  visit("init", request.init);
  visit("stopSignal", request.stop_signal);
  visit("stopTimeout", request.stop_timeout_s);
  visit("oomScoreAdj", request.oom_score_adj);
  visit("ulimits", request.ulimits);
  visit("logDriver", request.log_driver);
  visit("logOpts", request.log_opts);
}

template <typename Visit, Is<RunRequest> T>
void visit_isolation_fields(Visit& visit, T& request) {
  visit("hostname", request.hostname);
  visit("domainname", request.domainname);
  visit("volumes", request.volumes);
  visit("mounts", request.mounts);
  visit("tmpfs", request.tmpfs);
  visit("shmSize", request.shm_bytes);
  visit("readOnly", request.read_only);
  visit("devices", request.devices);
  visit("deviceCgroupRules", request.device_cgroup_rules);
  visit("extraHosts", request.extra_hosts);
  visit("dns", request.dns);
  visit("dnsSearch", request.dns_search);
  visit("dnsOptions", request.dns_options);
  visit("pidMode", request.pid_mode);
  visit("ipcMode", request.ipc_mode);
  visit("utsMode", request.uts_mode);
  visit("networkMode", request.network_mode);
  visit("cgroupnsMode", request.cgroupns_mode);
  visit("usernsMode", request.userns_mode);
  visit("capAdd", request.cap_add);
  visit("capDrop", request.cap_drop);
  visit("privileged", request.privileged);
  visit("securityOpts", request.security_opts);
  visit("sysctls", request.sysctls);
  visit("limits", request.limits);
  visit("cgroupParent", request.cgroup_parent);
}

// env_files, pull, sig_proxy and detach_keys are not kept: they matter to the command that makes it only.
template <typename Visit, Is<RunRequest> T>
void visit_fields(Visit& visit, T& request) {
  visit_process_fields(visit, request);
  visit_isolation_fields(visit, request);
}

}  // namespace engine
