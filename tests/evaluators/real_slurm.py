"""A real Slurm on this machine, in a folder of its own, for as long as a test needs it: munged, slurmctld and slurmd.

It listens on loopback alone, keeps no accounting, and runs jobs as root, as whom it must be started.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun")

_CONF = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=5
MinJobAge=60
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=12000 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=here Default=YES MaxTime=INFINITE DefMemPerCPU=2500 State=UP PriorityTier=1
PartitionName=urgent Nodes=here MaxTime=INFINITE DefMemPerCPU=2500 State=UP PriorityTier=10
"""


def why_not() -> str:
    """Say why no Slurm can be started here; nothing where one can."""
    path = os.pathsep.join((os.environ["PATH"], "/usr/sbin"))
    if missing := [program for program in PROGRAMS if shutil.which(program, path=path) is None]:
        return f"there is no {missing[0]}: apt-get install slurmctld slurmd slurm-client munge"
    return "" if os.getuid() == 0 else "Slurm's daemons need root"


class RealSlurm:
    """Slurm's daemons in a folder, which is short since sockets lie in it; its clients find it by `environment`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = os.pathsep.join((os.environ["PATH"], "/usr/sbin"))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        ports = _free_ports(2)
        text = _CONF.format(folder=folder, host=socket.gethostname(), controller=ports[0], node=ports[1])
        (folder / "slurm.conf").write_text(text)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which Slurm's commands find it."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self, *names: str) -> None:
        """Start daemons."""
        files = [f"--{file}={self.folder}/munge.{file.split('-')[0]}" for file in ("socket", "key-file", "pid-file")]
        files += [f"--{file}={self.folder}/munge.{file.split('-')[0]}" for file in ("log-file", "seed-file")]
        commands = {
            "munged": ("munged", "--foreground", "--force", *files),
            "slurmctld": ("slurmctld", "-D"),
            "slurmd": ("slurmd", "-D", "-N", "here"),
        }
        for name in names:
            program = shutil.which(name, path=self._path) or name
            with (self.folder / f"{name}.out").open("ab") as out:
                self._running[name] = subprocess.Popen(
                    [program, *commands[name][1:]], env=os.environ | self.environment, stdout=out, stderr=out
                )
            time.sleep(0.5)

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a daemon by a signal."""
        process = self._running.pop(name)
        process.send_signal(number)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End all daemons, the jobs first."""
        if "slurmctld" in self._running:
            self.run("scancel", "--me", check=False)
            self.wait_for(lambda: not self.run("squeue", "--noheader", "--format=%i", check=False), 20)
        for name in reversed(list(self._running)):
            self.stop(name)

    def run(self, *command: str, check: bool = True) -> str:
        """Run one of Slurm's commands."""
        environment = os.environ | self.environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert not (check and done.returncode), done.stderr
        return done.stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """List the numbers of the jobs in some states, those that wait or run by default."""
        return self.run("squeue", "--noheader", f"--states={','.join(states) or 'PD,R,CG,CF'}", "--format=%i").split()

    @staticmethod
    def wait_for(condition, seconds: float = 60) -> bool:
        """Wait until a condition holds; return whether it did."""
        end = time.monotonic() + seconds
        while not (holds := condition()) and time.monotonic() < end:
            time.sleep(0.2)
        return bool(holds)


@contextmanager
def real_slurm(folder: Path) -> Iterator[RealSlurm]:
    """Start a Slurm, and end it."""
    slurm = RealSlurm(folder)
    try:
        slurm.start("munged", "slurmctld", "slurmd")
        assert slurm.wait_for(lambda: "idle" in slurm.run("sinfo", "--noheader", check=False)), slurm.run("sinfo")
        yield slurm
    finally:
        slurm.close()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
