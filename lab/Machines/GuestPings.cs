using System.Globalization;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab.Machines;

/// <summary>What became of a guest's own pings.</summary>
/// <param name="LongestLoss">The most lost one after the other.</param>
internal sealed record GuestPingSummary(int Sent, int Received, int LongestLoss)
{
    public int Lost => Sent - Received;
}

/// <summary>Pings that a guest sends by itself, at a steady rate of its own clock: it stands still while the guest does.</summary>
internal sealed class GuestPings
{
    private const string Log = "/tmp/pings";

    // Sequence numbers begin at 0; the summary comes last.
    private const string Count = """
        BEGIN { last = -1 }
        /seq=/ { if ($2 - last - 1 > most) most = $2 - last - 1; last = $2 + 0 }
        /transmitted/ { split($1, words, " "); sent = words[1]; received = words[4]; if (sent - last - 1 > most) most = sent - last - 1; print sent, received, most + 0 }
        """;

    private readonly LabMachine _from;

    private GuestPings(LabMachine from, string name) => (_from, Name) = (from, name);

    /// <summary>For people.</summary>
    public string Name { get; }

    public static GuestPings Start(LabMachine from, LabHost to, double perSecond)
    {
        string interval = (1 / perSecond).ToString(CultureInfo.InvariantCulture);
        from.Execute($"ping -i {interval} {Ipv4Text.Format(to.Address)} >{Log} 2>&1 & echo $! >{Log}.process").Checked();
        return new GuestPings(from, $"ping {from.Name} to {to.Name} every {1000 / perSecond:0} ms");
    }

    /// <summary>So far.</summary>
    /// <exception cref="TestbedException">The guest does not answer.</exception>
    public int CountAnswers() => int.Parse(_from.Execute($"grep -c seq= {Log}; true").Checked().Output, CultureInfo.InvariantCulture);

    /// <summary>Ends them, and counts.</summary>
    /// <exception cref="TestbedException">The guest does not answer.</exception>
    public GuestPingSummary Stop()
    {
        string said = _from.Execute($"kill -INT $(cat {Log}.process); until grep -q transmitted {Log}; do usleep 20000; done; awk -F 'seq=' '{Count}' {Log}").Checked().Output;
        int[] numbers = [.. said.Split(' ', StringSplitOptions.TrimEntries).Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        return new GuestPingSummary(numbers[0], numbers[1], numbers[2]);
    }
}
