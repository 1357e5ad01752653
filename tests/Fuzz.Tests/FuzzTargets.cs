using Softswitch.Fuzz.Tests.Targets;

namespace Softswitch.Fuzz.Tests;

internal static class FuzzTargets
{
    public static IReadOnlyList<IFuzzTarget> All { get; } =
    [
        new MessageTarget(), new OpenFlowTarget(), new FrameTarget(), new TableTarget(), new TunnelTarget(), new SettingsTarget(), new FlowTextTarget(), new StaticFlowTarget(), new RegisterTarget(),
        new VhostRingTarget(), new VhostMessageTarget(),
    ];

    public static IFuzzTarget Find(string name) => All.Single(target => target.Name == name);
}
