using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting.TakeOver;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.TakeOver;

/// <summary>Whatever becomes of the process that takes over, before its last word: the switch goes on as if nothing had been.</summary>
public sealed class UnfinishedTakeOverTests : IDisposable
{
    private const int Patience = 10_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-unfinished-");

    private string SocketPath => Path.Combine(_folder.FullName, "control");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_taker_that_stops_at_any_step_changes_nothing_and_the_next_one_succeeds()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        string[] arguments = ["--listen", CabledHosts.Listen, "--control", $"punix:{SocketPath}"];
        using RunningCommand first = lab.StartSwitch([.. arguments, "--flows", "in_port=1,actions=2", "--flows", "in_port=2,actions=1"]);
        using UdpStream there = lab.StartStream(1, 2, 7001, perSecond: 500, mostUnderWay: 1500);

        Ask("garbage\n");
        Ask($"{TakeOverTaker.Verb}99\n");
        Ask($"{TakeOverTaker.Verb}{TakeOverChannel.Version}\n");
        Until(TakeOverMessage.OfferEnd).Dispose();
        using (TakeOverChannel wrong = Until(TakeOverMessage.OfferEnd))
        {
            wrong.Send(TakeOverMessage.Mine, [], Patience); // too early
            AssertFails(wrong);
        }
        Until(TakeOverMessage.Entries).Dispose();
        Until(TakeOverMessage.EntriesEnd).Dispose();
        Until(TakeOverMessage.DeviceRest).Dispose();
        Until(TakeOverMessage.Rest).Dispose();
        Until(TakeOverMessage.Counts).Dispose();
        using (TakeOverChannel silent = Until(TakeOverMessage.Counts))
        {
            Assert.Contains("says nothing", AssertFails(silent).Message, StringComparison.Ordinal); // the switch has given it up
            Assert.ThrowsAny<IOException>(() => silent.Send(TakeOverMessage.Mine, [], Patience)); // too late, and it is told
        }
        CommandResult refused = lab.RunToEnd([.. "--port 1=s1 --port 3=packet:s2,rx-slots=64".Split(' '), .. arguments, "--take-over", $"unix:{SocketPath}"]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("is in use by another softswitch", refused.Error, StringComparison.Ordinal);
        using (RunningCommand killed = lab.Start("run", ["--port", "1=s1", "--port", "2=s2", .. arguments, "--take-over", $"unix:{SocketPath}"]))
        {
            SwitchProgram.Terminate(killed, "KILL");
            killed.WaitForEnd(SwitchProgram.Patience);
        }

        Assert.Equal(3, lab.Ping(1, 2));
        using RunningCommand next = lab.StartSwitch([.. arguments, "--take-over", $"unix:{SocketPath}"]);
        Assert.Equal(0, first.WaitForEnd(SwitchProgram.Patience).ExitCode);
        Assert.Contains("2 ports, 2 flow entries", next.Output, StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, 2));
        CabledHosts.AssertAllCame(there, () => $"{first.Error}\n{next.Error}");
        SwitchProgram.Terminate(next);
        Assert.Equal(0, next.WaitForEnd(SwitchProgram.Patience).ExitCode);
    }

    /// <summary>Says one line and hangs up at the end of the answer.</summary>
    private void Ask(string line)
    {
        using DescriptorSocket socket = DescriptorSocket.Connect(SocketPath);
        socket.Send(Encoding.UTF8.GetBytes(line), [], Patience);
        ReadAnswer(socket);
    }

    private static void ReadAnswer(DescriptorSocket socket)
    {
        StringBuilder answer = new();
        byte[] next = new byte[1];
        while (!answer.ToString().EndsWith("ok\n", StringComparison.Ordinal) && !answer.ToString().EndsWith("error\n", StringComparison.Ordinal))
        {
            socket.Receive(next, [], Patience);
            answer.Append((char)next[0]);
        }
    }

    /// <summary>Plays the taker up to the first message of a kind that the switch sends.</summary>
    private TakeOverChannel Until(TakeOverMessage last)
    {
        TakeOverChannel? channel = null;
        string reason = string.Empty;
        // The switch may not have noticed yet that the one before is gone.
        Eventually.True(() => TryReach(last, out channel, out reason) || !reason.Contains("already", StringComparison.Ordinal), () => reason);
        return channel ?? throw new Xunit.Sdk.XunitException(reason);
    }

    private bool TryReach(TakeOverMessage last, out TakeOverChannel? channel, out string reason)
    {
        DescriptorSocket socket = DescriptorSocket.Connect(SocketPath);
        TakeOverChannel reached = new(socket, 1 << 30);
        channel = null;
        reason = string.Empty;
        try
        {
            socket.Send(Encoding.UTF8.GetBytes($"{TakeOverTaker.Verb}{TakeOverChannel.Version}\n"), [], Patience);
            ReadAnswer(socket);
            while (channel == null)
            {
                TakeOverMessage got = reached.Receive(Patience, out _, out int[] descriptors);
                Array.ForEach(descriptors, descriptor => _ = Libc.close(descriptor));
                if (got == last)
                {
                    channel = reached;
                }
                else if (got is TakeOverMessage.OfferEnd or TakeOverMessage.EntriesEnd)
                {
                    reached.Send(got == TakeOverMessage.OfferEnd ? TakeOverMessage.Begin : TakeOverMessage.Prepared, [], Patience);
                }
            }
            return true;
        }
        catch (IOException e)
        {
            reached.Dispose();
            reason = e.Message;
            return false;
        }
    }

    private static IOException AssertFails(TakeOverChannel channel) => Assert.ThrowsAny<IOException>(() => channel.Receive(Patience, out _, out _));
}
