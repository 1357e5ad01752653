using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;

namespace Softswitch.Hosting.Tests.State;

/// <summary>What the tables of a switch hold, to be compared.</summary>
internal static class TableContent
{
    public static SortedDictionary<(byte Table, ulong Sequence), string> Of(DatapathControl control)
    {
        SortedDictionary<(byte, ulong), string> all = [];
        using (control.Enter())
        {
            foreach (byte table in new[] { FlowFilter.FlowTable, FlowFilter.EmergencyTable })
            {
                FlowFilter filter = new(FlowMatch.Any, table);
                for (uint cursor = 0; control.Flows.Next(ref cursor, filter, out FlowStatistics entry);)
                {
                    all.Add((entry.TableId, entry.Sequence), Describe(entry));
                }
            }
        }
        return all;
    }

    public static string Describe(in FlowStatistics entry) =>
        $"{entry.Match} {entry.Priority} {entry.Cookie} {entry.Flags} {entry.IdleTimeoutSeconds} {entry.HardTimeoutSeconds} {string.Join(',', entry.Actions.ToArray())}";
}
