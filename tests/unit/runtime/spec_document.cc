#include "tests/unit/runtime/spec_document.h"

#include <string_view>

namespace {

constexpr std::string_view kProcess = R"({
  "terminal": true,
  "consoleSize": {"height": 24, "width": 80},
  "user": {"uid": 1000, "gid": 1001, "umask": 18, "additionalGids": [10, 4294967294]},
  "args": ["sh", "-c", "exit 3"],
  "env": ["PATH=/bin", "EMPTY=", "no equals sign"],
  "cwd": "/srv",
  "capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_CHECKPOINT_RESTORE"], "effective": ["CAP_CHOWN"],
                   "inheritable": ["CAP_BPF"], "permitted": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_NET_RAW"]},
  "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 18446744073709551615},
              {"type": "RLIMIT_CORE", "soft": 1, "hard": 2}],
  "noNewPrivileges": true,
  "oomScoreAdj": -500,
  "apparmorProfile": "vial-default",
  "selinuxLabel": "system_u:system_r:container_t:s0",
  "scheduler": {"policy": "SCHED_DEADLINE", "nice": -5, "priority": 1, "flags": ["SCHED_FLAG_RESET_ON_FORK"],
                "runtime": 10000000, "deadline": 20000000, "period": 30000000},
  "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
  "execCPUAffinity": {"initial": "0-1", "final": "1"}
})";

constexpr std::string_view kTop = R"({
  "ociVersion": "1.3.0",
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "web",
  "domainname": "example.org",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
             {"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "ro"],
              "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
              "gidMappings": [{"containerID": 0, "hostID": 200000, "size": 65536}]}],
  "hooks": {"prestart": [{"path": "/bin/a", "args": ["a", "b"], "env": ["K=V"], "timeout": 5}],
            "createRuntime": [{"path": "/bin/b"}], "createContainer": [{"path": "/bin/c"}],
            "startContainer": [{"path": "/bin/d"}], "poststart": [{"path": "/bin/e"}],
            "poststop": [{"path": "/bin/f"}, {"path": "/bin/g"}]},
  "annotations": {"org.example.key": "value", "with/slash~and tilde": ""}
})";

constexpr std::string_view kLinux = R"({
  "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/blue"}, {"type": "mount"},
                 {"type": "uts"}, {"type": "ipc"}, {"type": "user"}, {"type": "cgroup"}, {"type": "time"}],
  "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
  "gidMappings": [{"containerID": 0, "hostID": 200000, "size": 65536}],
  "timeOffsets": {"boottime": {"secs": -7, "nanosecs": 999999999}, "monotonic": {"secs": 1, "nanosecs": 0}},
  "devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 8624, "uid": 1, "gid": 2},
              {"type": "p", "path": "/dev/pipe"}],
  "netDevices": {"eth1": {"name": "lan"}},
  "cgroupsPath": "/vial/web",
  "sysctl": {"net.ipv4.ip_forward": "1", "kernel.msgmax": "65536"},
  "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
              "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/agent.sock", "listenerMetadata": "m",
              "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                           {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                            "args": [{"index": 5, "value": 18446744073709551615, "valueTwo": 3,
                                      "op": "SCMP_CMP_MASKED_EQ"}]}]},
  "maskedPaths": ["/proc/kcore"],
  "readonlyPaths": ["/proc/sys"],
  "rootfsPropagation": "rslave",
  "mountLabel": "system_u:object_r:container_file_t:s0",
  "personality": {"domain": "LINUX32"},
  "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}
})";

constexpr std::string_view kResources = R"({
  "memory": {"limit": 67108864, "reservation": 33554432, "swap": -1, "swappiness": 10,
             "disableOOMKiller": false, "checkBeforeUpdate": true},
  "cpu": {"shares": 512, "quota": -1, "period": 100000, "burst": 5000, "realtimeRuntime": 950000,
          "realtimePeriod": 1000000, "idle": 1, "cpus": "0-1", "mems": "0"},
  "blockIO": {"weight": 500, "leafWeight": 400,
              "weightDevice": [{"major": 8, "minor": 0, "weight": 300, "leafWeight": 200}],
              "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}],
              "throttleWriteBpsDevice": [{"major": 8, "minor": 1, "rate": 2000}],
              "throttleReadIOPSDevice": [{"major": 8, "minor": 2, "rate": 3000}],
              "throttleWriteIOPSDevice": [{"major": 8, "minor": 3, "rate": 18446744073709551615}]},
  "pids": {"limit": 100},
  "hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}],
  "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
  "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
  "devices": [{"allow": false, "type": "a", "access": "rwm"},
              {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}],
  "unified": {"memory.high": "60000000"}
})";

}  // namespace

Json full_document() {
  Json document = Json::parse(kTop);
  document["process"] = Json::parse(kProcess);
  document["linux"] = Json::parse(kLinux);
  document["linux"]["resources"] = Json::parse(kResources);
  return document;
}
