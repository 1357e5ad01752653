using Softswitch.Datapath.Control;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;
using Softswitch.OfAgent.Text;
using Softswitch.Ports.Null;

namespace Softswitch.Hosting.Cards;

/// <summary>A file of flows, put into a switch whose four ports are those of a card fresh from a reset.</summary>
internal sealed class FlowFileOnCard
{
    private FlowFileOnCard(IReadOnlyList<RegisterWrite> writes, IReadOnlyList<OffloadedFlow> flows, IReadOnlyList<string> warnings)
    {
        Writes = writes;
        Flows = flows;
        Warnings = warnings;
    }

    public static ushort[] PortNumbers => [1, 2, 3, 4];

    public IReadOnlyList<RegisterWrite> Writes { get; }

    /// <summary>What became of each flow that is in force at the end.</summary>
    public IReadOnlyList<OffloadedFlow> Flows { get; }

    /// <summary>What was read but has no effect, with place and line.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Applies the lines in order.</summary>
    /// <param name="place">Where they come from, for messages.</param>
    /// <exception cref="OptionException">One is no flow, or is refused; names place and line.</exception>
    public static FlowFileOnCard Install(TextReader lines, string place, CardLayout layout, OffloadLevel level)
    {
        RecordedCard card = new(layout, level, PortNumbers);
        using DatapathControl control = new(new DatapathOptions { FrameCount = 64, LargeFrameCount = 1, MaxReassemblies = 1, FlowCacheCapacity = 1 });
        List<string> warnings = [];
        using (control.Enter())
        {
            foreach (ushort port in PortNumbers)
            {
                control.Ports.Add(port, new NullPort($"nf2c{port - 1}"));
            }
            control.Flows.Offloads.Attach(card.Offload);
            int number = 0;
            while (lines.ReadLine() is { } line)
            {
                number++;
                if (!FlowSyntax.TryParseLine(line, PortNames.ReservedOnly, out ParsedFlow? flow, out string error))
                {
                    throw new OptionException($"{place}:{number}: {error}");
                }
                if (flow == null)
                {
                    continue;
                }
                warnings.AddRange(flow.Warnings.Select(warning => $"{place}:{number}: {warning}"));
                ControlError refusal = control.Apply(flow.ToFlowMod());
                if (refusal != ControlError.None)
                {
                    throw new OptionException($"{place}:{number}: the switch refuses it: {refusal}");
                }
            }
            return new FlowFileOnCard([.. card.Writes], card.Offload.Describe(), warnings);
        }
    }
}
