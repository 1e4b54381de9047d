# A Slurm of one machine, on this machine, for a test: its own key, configuration, ports and folder,
# nothing of the system's. To be sourced; start_cluster FOLDER, stop_cluster.
#
# Needs Debian's slurmctld, slurmd, slurm-client and munge; no systemd, no database, no root.

PATH=$PATH:/usr/sbin:/sbin

# 0 when everything is installed; else says what is missing.
have_slurm() {
    for program in munged slurmctld slurmd sbatch scontrol scancel; do
        if ! command -v $program > /dev/null; then
            echo "skipped: $program is not installed (apt install slurmctld slurmd slurm-client munge)"
            return 1
        fi
    done
}

# A port of the loopback on which nothing listens, from 20000 up.
free_port() {
    while :; do
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
        grep -qi ":$(printf %04X $port) [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6 2> /dev/null ||
            break
    done
    echo $port
}

write_configuration() {
    host=$(hostname)
    user=$(id -un)
    cat > "$cluster/slurm.conf" << END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool.%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
MinJobAge=3600
KillWait=10
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=2
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
END
}

# wait_for WHAT COMMAND...: until the command succeeds, five minutes at most.
wait_for() {
    what=$1
    shift
    for try in $(seq 1500); do
        "$@" > /dev/null 2>&1 && return 0
        sleep 0.2
    done
    echo "waited in vain for $what"
    return 1
}

both_nodes_idle() {
    [ "$(sinfo -h -N -o %T | grep -c '^idle$')" = 2 ]
}

# Two nodes, n1 and n2. The folder's path must be plain: it goes into slurm.conf.
start_cluster() {
    cluster=$1
    mkdir -p "$cluster/state" "$cluster/spool.n1" "$cluster/spool.n2"
    chmod 711 "$cluster"
    (umask 077 && head -c 128 /dev/urandom > "$cluster/munge.key")
    export SLURM_CONF="$cluster/slurm.conf"
    munged --socket="$cluster/munge.socket" --key-file="$cluster/munge.key" \
        --pid-file="$cluster/munged.pid" --log-file="$cluster/munged.log" \
        --seed-file="$cluster/munged.seed" || return 1
    write_configuration
    slurmctld -f "$SLURM_CONF" || return 1
    slurmd -f "$SLURM_CONF" -N n1 || return 1
    slurmd -f "$SLURM_CONF" -N n2 || return 1
    wait_for "two idle nodes" both_nodes_idle
}

# Ends what start_cluster() has started, by the process ids that the daemons left.
stop_cluster() {
    [ -n "$cluster" ] || return 0
    scancel --user="$(id -un)" 2> /dev/null
    for daemon in slurmd.n1 slurmd.n2 slurmctld munged; do
        [ -s "$cluster/$daemon.pid" ] || continue
        pid=$(cat "$cluster/$daemon.pid")
        kill "$pid" 2> /dev/null
        wait_for "$daemon to end" sh -c "! kill -0 $pid" || kill -9 "$pid"
    done
}
