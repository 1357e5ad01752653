using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Ports.Specs;

namespace Softswitch.Scenarios;

/// <summary>What the same word varies in several scenarios: of what the lab is made. A scenario lists those its topology allows.</summary>
/// <remarks>No link has a delay: none of the papers states one.</remarks>
internal static class CommonParameters
{
    public const string Tap = "tap";
    public const string VhostUser = "vhost-user";
    public const string Card = "card";

    /// <summary>Words of <c>insertion</c>.</summary>
    public const string Proactive = "proactive";
    public const string Reactive = "reactive";
    public const string OnDemand = "on-demand";

    /// <summary>What <c>make-before-break</c> is.</summary>
    public const string MakeBeforeBreak = "whether the new place has its entries before packets are led there";

    private const string Packet = "packet";
    private const string Xdp = "xdp";

    public static Parameter<string> Backend { get; } = Parameter.Word(
        "backend", "what switches take their cables by; a guest's (--vm) is always vhost-user", [Packet, Xdp, Tap, VhostUser]);

    public static Parameter<string> Device { get; } = Parameter.Word(
        "device", "what switches are; an emulated NetFPGA card has ports 1 to 4, no tunnel and no guest, so it is one where that will do",
        ["software", Card],
        paper: "twaren's: NetFPGA cards");

    public static Parameter<double?> LinkRate { get; } = Parameter.NumberOrAuto(
        "link-rate", "mbit_per_s", "what a cable carries each way, of Ethernet frames without FCS", "as fast as it goes", 1, 10_000,
        paper: "1000; xenflow's ends: 100");

    /// <param name="without">What is so without them.</param>
    public static Parameter<bool> CreateBarriers(string without, string? paper = null) =>
        Parameter.Flag("barriers", $"whether switches confirm by barriers; off, {without}", true, paper: paper);

    /// <param name="without">What is so without it.</param>
    public static Parameter<bool> CreateMakeBeforeBreak(string without, bool value, string? paper = null) =>
        Parameter.Flag("make-before-break", $"{MakeBeforeBreak}; off, {without}", value, paper: paper);

    /// <param name="words">The first is the value without <c>--set</c>.</param>
    /// <param name="more">What else is to be said of it.</param>
    public static Parameter<string> CreateInsertion(IReadOnlyList<string> words, string more, string? paper = null) => Parameter.Word(
        "insertion", $"when the controller inserts entries: before packets come (proactive), for the first that has none (reactive){more}",
        words, paper: paper);

    /// <summary>Refuses what does not go together, whatever the scenario.</summary>
    /// <exception cref="OptionException">It names the keys and the reason.</exception>
    public static void Check(ParameterValues values, ScenarioOptions options)
    {
        string backend = values.Get(Backend);
        if (backend == VhostUser && !options.UsesGuests)
        {
            throw new OptionException($"{Backend.Key}: '{VhostUser}' is a guest's cable, and there are guests with --vm only");
        }
        if (values.Get(Device) == Card && backend is Xdp or Tap)
        {
            throw new OptionException($"{Backend.Key}: '{backend}' does not go with {Device.Key}={Card}: AF_PACKET is what an emulated card has for its wires");
        }
        if (values.Get(LinkRate) != null && options.UsesGuests)
        {
            throw new OptionException($"{LinkRate.Key}: does not go with --vm: what a guest sends has no rate");
        }
    }

    /// <summary>What the lab is made of.</summary>
    public static LabWiring ReadWiring(ParameterValues values) => new()
    {
        Backend = values.Get(Backend) switch
        {
            Xdp => PortKind.Xdp,
            Tap => PortKind.Tap,
            _ => PortKind.Packet,
        },
        Rate = (long)((values.Get(LinkRate) ?? 0) * 1e6),
        UsesCards = values.Get(Device) == Card,
    };

    /// <summary>What is to be said of it, in lines for people.</summary>
    public static IEnumerable<string> Describe(LabWiring wiring)
    {
        if (wiring.Backend == PortKind.Xdp)
        {
            yield return "ports are xdp: on veth";
        }
        if (wiring.Backend == PortKind.Tap)
        {
            yield return "ports to hosts and routers are tap:, and the device is the host's; "
                + "between switches, and where a port has an address, it is packet: on veth";
        }
        if (wiring.Rate > 0)
        {
            yield return $"cables carry {BitRate.Format(wiring.Rate)}bit/s each way: a token bucket at hosts and routers, rate= at switches";
        }
    }
}
