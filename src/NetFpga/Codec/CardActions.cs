using Softswitch.Datapath.Flows;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>What a row or slot does with its frames, in the switch's terms.</summary>
/// <param name="Rewrites">Done once, before the frame is sent anywhere.</param>
/// <param name="Bitmap">Destinations as <see cref="CardPort"/> numbers them; 0 drops the frame.</param>
/// <param name="Anomaly">What it does beyond that and no action list can say; null if nothing.</param>
internal sealed record CardActions(IReadOnlyList<FlowAction> Rewrites, ushort Bitmap, string? Anomaly);
