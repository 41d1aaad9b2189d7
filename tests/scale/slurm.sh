#!/bin/bash
# A one-node Slurm cluster from nothing: four shards fill one store, then four seeds of which two are cancelled.
#
#     apt-get install slurm-wlm munge      (as root, which the daemons need)
#     bash tests/scale/slurm.sh [python]   (default .venv/bin/python)
#
# Prints the sweep's table, in which the cancelled jobs are named, and ends the cluster again. Nothing of the
# machine's own configuration is read or changed: everything lies in a temporary folder.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
python=$(realpath -s "${1:-$project/.venv/bin/python}")
work=$(mktemp -d)
chmod 755 "$work"
mkdir -p "$work"/{state,spool,log,run}
cd "$work"

end() {
    scancel --user="$(id -un)" 2>/dev/null || true
    for name in slurmd slurmctld munged; do
        [ -s "run/$name.pid" ] && kill "$(cat "run/$name.pid")" 2>/dev/null || true
    done
    sleep 1
    rm -rf "$work"
}
trap end EXIT

dd if=/dev/urandom of=munge.key bs=1 count=1024 status=none
chmod 600 munge.key
munged --key-file="$work/munge.key" --socket="$work/run/munge.socket" --pid-file="$work/run/munged.pid" \
    --log-file="$work/log/munged.log" --seed-file="$work/run/munge.seed" --force
host=$(hostname -s)
cat > slurm.conf <<EOF
ClusterName=scale
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=36817
SlurmdPort=36818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/run/munge.socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/run/slurmctld.pid
SlurmdPidFile=$work/run/slurmd.pid
SlurmctldLogFile=$work/log/slurmctld.log
SlurmdLogFile=$work/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MinJobAge=3600
KillWait=1
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF
export SLURM_CONF=$work/slurm.conf
# submitit asks sacct how its jobs are, which wants an accounting database; here the controller itself knows. It
# forgets a job of an array that is cancelled before it began: that one submitit alone still has a folder of.
mkdir bin
cat > bin/sacct <<EOF
#!/bin/bash
echo "JobID|State|NodeList"
while [ "\$1" != -j ]; do shift; done
while [ "\${1:-}" = -j ]; do
    known=\$(squeue --noheader --array --states=all --format='%i|%T|%N' --jobs="\$2")
    echo "\$known"
    for folder in "$work"/*/.submitit/"\$2"_*; do
        task=\$(basename "\$folder")
        [[ -e \$folder && \$known != *"\$task|"* ]] && echo "\$task|CANCELLED|"
    done
    shift 2
done
exit 0
EOF
chmod +x bin/sacct
export PATH=$work/bin:$PATH
slurmctld
slurmd
for _ in $(seq 60); do
    [ "$(sinfo --noheader --format=%t)" = idle ] && break
    sleep 1
done
sinfo

export PYTHONPATH=$project
(cd "$project" && "$python" -m tests.toy "$work/store/toy")
study=("hydra.searchpath=[$project/tests/conf]" experiment=toy tracking.combinations=table report.page=false)
# timeout_min is the job's limit; signal_delay_s before it submitit asks the job to end, so it has to be less.
slurm=(hydra/launcher=submitit_slurm hydra.launcher.partition=all hydra.launcher.cpus_per_task=1)
slurm+=(hydra.launcher.timeout_min=20 hydra.launcher.signal_delay_s=60 hydra.launcher.mem_gb=null)

echo "== four shards, one store"
"$python" "$project/run.py" -m task=run n_shards=4 'shard=range(4)' hydra.sweep.dir=shards "${slurm[@]}" "${study[@]}"

echo "== four seeds, of which one job is cancelled while it runs and one before it begins"
"$python" "$project/run.py" -m 'seed=range(4)' hydra.sweep.dir=seeds "${slurm[@]}" hydra.launcher.array_parallelism=1 \
    "${study[@]}" > seeds.log 2>&1 &
sweep=$!
until [ -e seeds/0/.hydra/overrides.yaml ]; do sleep 0.2; done
scancel $(squeue --noheader --array --states=running,pending --format=%i | grep -E '_(0|3)$')
status=0
wait "$sweep" || status=$?
cut -c1-180 seeds.log
echo "status of the sweep: $status"
[ "$status" = 1 ]
[ "$(grep -c 'dead: ' seeds.log)" = 2 ]
# A plan each; the job that was cancelled while it ran may have told its plan before.
[ "$(grep -cE '^seed=[12] +[0-9.]+ +[0-9]+ ' seeds.log)" = 2 ]
! grep -q Traceback seeds.log
echo "slurm: as it should be"
