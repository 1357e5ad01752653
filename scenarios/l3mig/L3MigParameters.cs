using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

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
        "part",
        "what runs: all; the VM's moves under traffic (moves); the memory copy's rates and checksums (copy); a flood of ARP (arp); "
        + "one core without hosts (rates)",
        [Everything, Moves, Copy, Arp, Rates]);

    public static Parameter<double> Rate { get; } = Parameter.Number(
        "rate", "pps", "UDP packets a second of each stream", 1000, 10, 20_000, small: 200, guest: 200);

    public static Parameter<int> Size { get; } = Parameter.Whole(
        "size", "length of the UDP packets' Ethernet frames, without FCS", DefaultLength, 60, 1514, unit: "bytes");

    public static Parameter<int> Sessions { get; } = Parameter.Whole(
        "sessions", "TCP sessions of the VM besides the streams', whose entries move with it", 0, 0, 2000);

    public static Parameter<int> Networks { get; } = Parameter.Whole(
        "networks", "layer-3 networks: the two the VM moves between, and others whose machines have sessions with it", 2, 2, 20, paper: "2");

    public static Parameter<int> MoveCount { get; } = Parameter.Whole(
        "moves", "measured moves from network 1 to network 2; the way back between them is not measured", 1, 1, 50);

    public static Parameter<double?> Memory { get; } = Parameter.NumberOrAuto(
        "memory", "mbytes", "memory copied in a migration, while its entries are added; the VM moves when it has arrived",
        "a slow copy for as long as the rest takes", 1, 100_000);

    public static Parameter<double?> CopyRate { get; } = Parameter.NumberOrAuto(
        "copy-rate", "mbit_per_s", "limit of the copy, as hypervisors have one",
        "as fast as it goes with memory said, else 200 beside traffic", 1, 100_000);

    public static Parameter<string> Order { get; } = InsertionOrder.CreateParameter(
        InsertionOrder.Together, InsertionOrder.OneByOne, InsertionOrder.GatewaysFirst);

    public static Parameter<bool> Barriers { get; } = CommonParameters.CreateBarriers(
        "an update is over when the last flow-mod is sent, and phases have no times");

    public static Parameter<bool> MakeBeforeBreak { get; } = CommonParameters.CreateMakeBeforeBreak(
        "all entries change after the move", value: true, paper: "on");

    public static Parameter<int> ArpFrames { get; } = Parameter.Whole("arp-frames", "ARP frames of the flood", 200_000, 5000, 2_000_000, small: 30_000);

    public static Parameter<int> Verified { get; } = Parameter.Whole(
        "verified", "packets of the copy whose checksums are verified", 10_000_000, 1000, 100_000_000, small: 20_000);

    public static IReadOnlyList<Parameter> All { get; } =
    [
        Part, .. OfMoves, ArpFrames, Verified, CommonParameters.Backend, CommonParameters.Device, CommonParameters.LinkRate,
    ];

    private static IReadOnlyList<Parameter> OfMoves =>
        [Rate, Size, MoveCount, Networks, Sessions, Memory, CopyRate, Order, Barriers, MakeBeforeBreak];

    private static Dictionary<Parameter, string[]> MattersTo { get; } =
        new(OfMoves.Select(one => KeyValuePair.Create(one, (string[])[Everything, Moves])))
        {
            [ArpFrames] = [Everything, Arp],
            [Verified] = [Everything, Copy],
            [CommonParameters.Backend] = InLab,
            [CommonParameters.Device] = InLab,
            [CommonParameters.LinkRate] = InLab,
        };

    private static string[] InLab => [Everything, Moves, Copy, Arp];

    /// <exception cref="OptionException">What does not go together.</exception>
    public static void Check(ParameterValues values, ScenarioOptions options)
    {
        values.CheckPart(Part, MattersTo);
        InsertionOrder.Check(values, Order, Barriers);
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
