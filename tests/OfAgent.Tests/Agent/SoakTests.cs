using System.Buffers.Binary;
using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Tests.Wire;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Measures the memory of the whole process, so nothing else may run beside it.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class SoakTestsAlone;

/// <summary>Two hundred thousand messages, mutated or made up, over a real connection.</summary>
[Collection<SoakTestsAlone>]
public sealed class SoakTests
{
    private const int Seed = 20_100;
    private const int Messages = 200_000;
    private const int PerRound = 500;
    private const int LongestMadeUp = 256;
    private const long ManagedTolerance = 4 << 20;
    private const long ProcessTolerance = 64 << 20;

    [Fact]
    public void Two_hundred_thousand_random_and_mutated_messages_leave_the_switch_as_it_was()
    {
        Random random = new(Seed);
        MessageCase[] all = [.. MessageFiles.All];
        using AgentHarness harness = new();
        using RawController peer = harness.Connect();
        (long managed, long process) before = default;
        const int rounds = Messages / PerRound;
        for (int round = 0; round < rounds; round++)
        {
            if (round == rounds / 4)
            {
                before = Measure(peer); // what is allocated once has been by now
            }
            peer.Send(buffer =>
            {
                for (int i = 0; i < PerRound; i++)
                {
                    buffer.Append(random.Next(4) == 0 ? MakeUp(random) : Mutate(all[random.Next(all.Length)].Bytes, random));
                }
            });
            peer.Barrier((uint)(0xfffe0000 + round));
        }
        (long managed, long process) after = Measure(peer);

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"managed {before.managed >> 10} to {after.managed >> 10} KiB, process {before.process >> 20} to {after.process >> 20} MiB");
        Assert.True(after.managed - before.managed < ManagedTolerance, $"managed memory grew from {before.managed} to {after.managed} (seed {Seed})");
        Assert.True(after.process - before.process < ProcessTolerance, $"the process grew from {before.process} to {after.process} (seed {Seed})");
        Assert.True(Assert.Single(harness.Agent.ReadConnections()).IsConnected, $"seed {Seed}");
        using RawController other = harness.Connect();
        Assert.Empty(other.Barrier());
    }

    /// <summary>Managed bytes in use, and bytes of the whole process, with an empty flow table.</summary>
    private static (long Managed, long Process) Measure(RawController peer)
    {
        peer.Send(b =>
        {
            RoleMessage.WriteRequest(b, 1, ControllerRole.Other); // it may have been made a slave
            FlowModMessage.Write(b, 1, new FlowMod { Match = FlowMatch.Any, Command = FlowModCommand.Delete });
        });
        peer.Barrier();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        GCMemoryInfo heap = GC.GetGCMemoryInfo(GCKind.FullBlocking);
        long managed = heap.HeapSizeBytes - heap.FragmentedBytes;
        using Process self = Process.GetCurrentProcess();
        return (managed, self.WorkingSet64);
    }

    /// <summary>Changes anything but what keeps the framing: the length field says how long it is.</summary>
    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] bytes = original[..random.Next(OfHeader.Size, original.Length + 1)];
        for (int change = random.Next(6); change > 0; change--)
        {
            bytes[random.Next(bytes.Length)] = random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) };
        }
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)bytes.Length);
        return bytes;
    }

    private static byte[] MakeUp(Random random)
    {
        byte[] bytes = new byte[random.Next(OfHeader.Size, LongestMadeUp)];
        random.NextBytes(bytes);
        bytes[0] = random.Next(8) == 0 ? bytes[0] : OfHeader.Version10;
        bytes[1] = (byte)random.Next(24);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)bytes.Length);
        return bytes;
    }
}
