using Softswitch.Hosting;
using Softswitch.Lab.Measures;
using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What of the migration between sites can be varied.</summary>
internal static class L3MigParameters
{
    public const string Everything = "all";
    public const string Moves = "moves";
    public const string Copy = "copy";
    public const string Arp = "arp";
    public const string Rates = "rates";

    private const double SessionsShare = 20; // mbit_per_s, for what is not UDP
    private const int DefaultLength = 64 + UdpStream.HeaderLength;

    public static Parameter<string> Part { get; } = Parameter.Word(
        "part", "what runs: all; the VM's moves under traffic; the memory copy's rates and checksums; a flood of ARP; the frames a core rewrites",
        [Everything, Moves, Copy, Arp, Rates]);

    public static Parameter<double> Rate { get; } = Parameter.Number(
        "rate", "pps", "packets a second of each UDP stream", 1000, 10, 20_000, small: 200, guest: 200);

    public static Parameter<int> Size { get; } = Parameter.Whole(
        "size", "their Ethernet frames, without FCS", DefaultLength, 60, 1514, unit: "bytes");

    public static Parameter<int> Sessions { get; } = Parameter.Whole(
        "sessions", "TCP sessions of the VM besides the streams', whose entries move with it", 0, 0, 2000);

    public static Parameter<int> Networks { get; } = Parameter.Whole(
        "networks", "layer-3 networks: the two the VM moves between, and others whose machines have sessions with it", 2, 2, 20, paper: "2");

    public static Parameter<int> MoveCount { get; } = Parameter.Whole(
        "moves", "migrations under traffic from network 1 to network 2; the way back between them is not measured", 1, 1, 50);

    public static Parameter<double?> Memory { get; } = Parameter.NumberOrAuto(
        "memory", "mbytes", "memory copied in a migration, while its entries are added; the VM moves when it has arrived",
        "a slow copy for as long as the rest takes", 1, 100_000);

    public static Parameter<double?> CopyRate { get; } = Parameter.NumberOrAuto(
        "copy-rate", "mbit_per_s", "limit of the copy, as hypervisors can be given",
        "as fast as it goes with memory said, else 200 beside traffic", 1, 100_000);

    public static Parameter<string> Insertion { get; } = Parameter.Word(
        "insertion", "the order in which switches are told of entries; the next are told when those before have confirmed", InsertionOrder.Words);

    public static Parameter<bool> Barriers { get; } = Parameter.Flag(
        "barriers", "changes are confirmed by barriers; off, what was sent counts as done, and phases have no times", true);

    public static Parameter<bool> MakeBeforeBreak { get; } = Parameter.Flag(
        "make-before-break", "entries for the new place are added in the migration phase; off, all change after the move", true, paper: "on");

    public static Parameter<int> ArpFrames { get; } = Parameter.Whole("arp-frames", "ARP frames of the flood", 200_000, 5000, 2_000_000, small: 30_000);

    public static Parameter<int> Verified { get; } = Parameter.Whole(
        "verified", "the copy's packets whose checksums are verified", 10_000_000, 1000, 100_000_000, small: 20_000);

    public static IReadOnlyList<Parameter> All { get; } =
    [
        Part, Rate, Size, Sessions, Networks, MoveCount, Memory, CopyRate, Insertion, Barriers, MakeBeforeBreak, ArpFrames, Verified,
        CommonParameters.LinkRate, CommonParameters.Backend, CommonParameters.Device,
    ];

    /// <exception cref="OptionException">What does not go together.</exception>
    public static void Check(ParameterValues values, ScenarioOptions options)
    {
        double needed = SessionsShare + (values.Get(Rate) * values.Get(Size) * 8 / 1e6 * (values.Get(Networks) - 1));
        if (values.Get(CommonParameters.LinkRate) < needed)
        {
            throw new OptionException($"{CommonParameters.LinkRate.Key}: the VM's sessions need {needed:0} {CommonParameters.LinkRate.Unit} or more");
        }
        CheckMemory(values);
        if (options.UsesGuests)
        {
            // A guest's memory and its limit are QEMU's, and what it sends back is one connection's.
            Parameter[] unfit = [Size, Sessions, MoveCount, Memory, CopyRate, MakeBeforeBreak, Barriers];
            if (Array.Find(unfit, parameter => values.TextOf(parameter) != parameter.TextOf(options)) is { } one)
            {
                throw new OptionException($"{one.Key}: cannot be varied with --vm, where QEMU moves the machine");
            }
        }
    }

    private static void CheckMemory(ParameterValues values)
    {
        values.CheckPart(Part, new Dictionary<Parameter, string[]> { [Memory] = [Everything, Moves] });
        if (values.Get(Memory) is not { } memory)
        {
            return;
        }
        double longest = L3MigSessions.CountRecords(values.Get(Rate)) / values.Get(Rate);
        double copies = values.Get(MoveCount) * memory * 8 / (values.Get(CopyRate) ?? double.PositiveInfinity);
        if (copies > longest)
        {
            throw new OptionException(
                $"{Memory.Key}: with {CopyRate.Key}={values.TextOf(CopyRate)} and {MoveCount.Key}={values.TextOf(MoveCount)} "
                + $"it takes {copies:0} s, and with {Rate.Key}={values.TextOf(Rate)} there are streams for {longest:0} s");
        }
    }
}
