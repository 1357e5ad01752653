using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Configuration;

/// <summary>What can be set, on the command line as <c>--name</c> and in a configuration file as <c>name:</c>.</summary>
/// <param name="Name">Without dashes.</param>
/// <param name="Argument">The value's place in the help.</param>
/// <param name="Description">One line for the help.</param>
/// <param name="IsRepeatable">Whether it may be given more than once, or as a list.</param>
internal sealed record SettingKey(string Name, string Argument, string Description, bool IsRepeatable)
{
    /// <summary>Whether the name alone means true on the command line.</summary>
    public bool IsFlag { get; init; }

    public static readonly SettingKey Port = new(
        "port", "[N=]SPEC", "a port: an interface's name, packet:NAME, xdp:NAME, tap:NAME, replay:FILE, pcap:FILE, null:, or a tunnel by another port (vxlan:, gre:, ipip:, capsulator:), then ,key=value for its options, such as rate=100M or address=10.0.0.1/24", true);

    public static readonly SettingKey NetFpga = new(
        "netfpga", "nf2c0|emulator", "a NetFPGA card by its first interface, or an emulated one; its four interfaces become ports; then ,key=value for transport=, layout=, offload=off|strict|on|all, trace=FILE and, emulated, wires=IF0:IF1:IF2:IF3", true);

    public static readonly SettingKey Queue = new(
        "queue", "PORT:ID,min-rate=RATE[,max-rate=RATE]", "a queue of a port; rates in bit/s, such as 10M", true);

    public static readonly SettingKey DatapathId = new(
        "datapath-id", "HEX", "up to 16 hexadecimal digits; made from the first port's address if absent", false);

    public static readonly SettingKey Controller = new(
        "controller", "tcp:HOST[:PORT]", $"a controller to connect to: {ConnectionTarget.ActiveForms}; the port is {ConnectionTarget.DefaultPort} if absent", true);

    public static readonly SettingKey Listen = new(
        "listen", "ptcp:[PORT][:HOST]", $"where controllers and ofctl may connect: {ConnectionTarget.PassiveForms}; from anywhere unless HOST is given", true);

    public static readonly SettingKey Control = new(
        "control", "punix:PATH", "a socket for 'softswitch port add|del|list', which only the owner may connect to", false);

    public static readonly SettingKey PrivateKey = new(
        "private-key", "FILE", "for ssl: and pssl:, our private key in PEM", false);

    public static readonly SettingKey Certificate = new(
        "certificate", "FILE", "for ssl: and pssl:, the certificate of our private key in PEM", false);

    public static readonly SettingKey CaCertificate = new(
        "ca-cert", "FILE", "for ssl: and pssl:, the CA that must have signed the peer's certificate, in PEM", false);

    public static readonly SettingKey BootstrapCaCertificate = new(
        "bootstrap-ca-cert", "FILE", "as --ca-cert; while FILE does not exist, the first peer's CA is believed and stored there", false);

    public static readonly SettingKey PacketInRate = new(
        "packet-in-rate", "N", "packets a second that go to controllers, shared fairly between ports (default 10000); 0 for no limit", false);

    public static readonly SettingKey PacketInBurst = new(
        "packet-in-burst", "N", "packets that may go to controllers at once after a pause (default 2500)", false);

    public static readonly SettingKey Frames = new(
        "frames", "N", "frames in the pool, for all packets under way, 1024 to 1048576 (default 16384); AF_XDP ports bring their own besides", false);

    public static readonly SettingKey FrameSize = new(
        "frame-size", "2048|4096", "bytes of a frame; AF_XDP ports take an MTU of 1710 with the first (default), of 3758 with the other", false);

    public static readonly SettingKey Buffers = new(
        "buffers", "N", "packets that can wait in buffers for the controller's word, 1 to 4096 (default 256)", false);

    public static readonly SettingKey BufferTimeout = new(
        "buffer-timeout", "SECONDS", "how long each of them waits, 1 to 3600 (default 5)", false);

    public static readonly SettingKey EmergencyFlows = new(
        "emergency-flows", "N", "entries the emergency flow table takes, 0 to 65536 (default 1024)", false);

    public static readonly SettingKey ActionMemory = new(
        "action-memory", "MIB", "memory for the action lists of all entries, 1 to 4096 (default 256); what does not fit is refused as if tables were full", false);

    public static readonly SettingKey EmergencyAttempts = new(
        "emergency-attempts", "N", "attempts to reach a controller again that must fail before emergency entries come into force, 0 to 1000 (default 1)", false);

    public static readonly SettingKey FailMode = new(
        "fail-mode", "standalone|secure", "without a controller: forward as a learning bridge, or by the flows that are there (default)", false);

    public static readonly SettingKey InBand = new(
        "in-band", "true|false", "controllers are reached through the switch itself, from port LOCAL: their traffic passes whatever the flow table holds (default false)", false)
    {
        IsFlag = true,
    };

    public static readonly SettingKey Workers = new(
        "workers", "N", "threads that forward packets, 1 to 64 (default 1)", false);

    public static readonly SettingKey Processors = new(
        "cpus", "N[,N...]", "a processor for each worker, which all other threads of the switch keep off if there are more", false);

    public static readonly SettingKey Idle = new(
        "idle", "adaptive|spin", "a worker without packets: sleeps after a moment (default), or keeps looking, which takes its processor whole", false);

    public static readonly SettingKey Stp = new(
        "stp", "true|false", "IEEE 802.1D spanning tree, so that NORMAL and FLOOD survive loops (default false)", false)
    {
        IsFlag = true,
    };

    public static readonly SettingKey StpPriority = new(
        "stp-priority", "N", "bridge priority, 0 to 65535; the lowest becomes the root (default 32768)", false);

    public static readonly SettingKey StpHello = new(
        "stp-hello", "SECONDS", "1 to 10 between two messages of the root (default 2)", false);

    public static readonly SettingKey StpMaxAge = new(
        "stp-max-age", "SECONDS", "6 to 40 until a silent neighbour is given up (default 20)", false);

    public static readonly SettingKey StpForwardDelay = new(
        "stp-forward-delay", "SECONDS", "4 to 30 that a port listens, and then learns, before it forwards (default 15)", false);

    public static readonly IReadOnlyList<SettingKey> All =
    [
        Port, NetFpga, Queue, DatapathId, Controller, Listen, Control, PrivateKey, Certificate, CaCertificate, BootstrapCaCertificate, FailMode, InBand,
        PacketInRate, PacketInBurst, Frames, FrameSize, Buffers, BufferTimeout, ActionMemory, EmergencyFlows, EmergencyAttempts, Workers, Processors, Idle,
        Stp, StpPriority, StpHello, StpMaxAge, StpForwardDelay,
    ];
}
