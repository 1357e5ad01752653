using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;
using static Softswitch.Ports.VhostUser.VhostUserRequest;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>
/// A front-end's messages, right and wrong, while packets pass: the session goes on or ends with a reason, and leaves neither a descriptor
/// nor a mapping behind.
/// </summary>
internal sealed class VhostMessageTarget : IFuzzTarget
{
    private const ulong GuestBase = 0x10_0000;
    private const int MemoryBytes = 64 * 1024;
    private const int RingSize = 8;
    private const int Pairs = 2;
    private const ulong Features = VhostUserSession.OfferedFeatures & ~VirtioFeatures.VHOST_F_LOG_ALL;

    // Record kinds: bytes on the socket, behind one that says how many descriptors come with them; bytes written into the guest's memory, behind
    // two that say where; packets that pass.
    private const int Message = 0;
    private const int Write = 1;
    private const int Pass = 2;
    private const int Kinds = 3;

    public string Name => "vhost-message";

    public byte[] Generate(Random random)
    {
        List<byte[]> records = [.. StartUp(random)];
        for (int count = random.Next(12); count > 0; count--)
        {
            records.Insert(random.Next(records.Count + 1), AnyRecord(random));
        }
        for (int i = 0; i < records.Count; i++)
        {
            if (random.Next(24) == 0)
            {
                byte[] content = records[i][3..];
                records[i] = Records.Make(records[i][0], random.Next(4) == 0 ? Mutation.Change(content, random) : Mutation.Overwrite(content, random));
            }
        }
        return [.. records.SelectMany(record => record)];
    }

    public IReadOnlyList<byte[]> Split(byte[] input) => Records.Split(input);

    public void Check(byte[] input)
    {
        using GuestRam memory = new((GuestBase, MemoryBytes));
        int file = memory.FileOf(0);
        using FramePool pool = new(128, largeFrameCount: 8);
        using GuestRings rings = new(Pairs);
        FrameCache frames = pool.CreateCache();
        (DescriptorSocket front, DescriptorSocket back) = VhostFrontEnd.Pair();
        using (front)
        using (VhostUserSession session = new(back, rings))
        {
            string? end = null;
            foreach ((int kind, byte[] content) in Records.Read(input))
            {
                switch (kind % Kinds)
                {
                    case Message when content.Length > 1:
                        Send(front, content, file);
                        end = Handle(session);
                        break;
                    case Write when content.Length > 2:
                        int at = (content[0] << 8) | content[1];
                        memory.Write(GuestBase + (ulong)at, content.AsSpan(2, Math.Min(content.Length - 2, MemoryBytes - at)));
                        break;
                    default:
                        PassPackets(rings, frames);
                        break;
                }
                if (end != null)
                {
                    break;
                }
                Drain(front);
            }
            Assert.NotEqual(string.Empty, end);
        }
        PassPackets(rings, frames); // nobody is there
        Assert.False(rings.IsReady);
        Assert.Null(rings.Fault);
        Assert.Equal(1, OpenFiles.CountDescriptors(file));
        Assert.Equal(1, OpenFiles.CountMappings(file));
        frames.Drain();
        Assert.Equal(pool.FrameCount, pool.FreeCount);
    }

    private static void Send(DescriptorSocket front, byte[] content, int file)
    {
        // What rings are signalled by must be an eventfd; now and then it is none.
        int signal = Libc.eventfd(0, Libc.EFD_CLOEXEC);
        Span<int> descriptors = stackalloc int[content[0]];
        descriptors.Fill((VhostUserRequest)content[1] is VHOST_USER_SET_VRING_KICK or VHOST_USER_SET_VRING_CALL && (content.Length < 14 || content[13] < 200) ? signal : file);
        try
        {
            front.Send(content.AsSpan(1), descriptors[..Math.Min(descriptors.Length, DescriptorSocket.MostDescriptors)], patience: 0);
        }
        catch (SystemCallException)
        {
            // it was hung up on
        }
        finally
        {
            _ = Libc.close(signal);
        }
    }

    /// <returns>Why it ended; null if it goes on.</returns>
    private static string? Handle(VhostUserSession session)
    {
        try
        {
            session.Handle(int.MaxValue);
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return e.Message;
        }
    }

    private static void Drain(DescriptorSocket front)
    {
        Span<byte> replies = stackalloc byte[512];
        List<int> descriptors = [];
        while (front.TryReceive(replies, descriptors) > 0)
        {
        }
        Assert.Empty(descriptors);
    }

    private static void PassPackets(GuestRings rings, FrameCache frames)
    {
        PacketBatch batch = new();
        foreach (VhostUserQueue queue in rings.Queues)
        {
            queue.Receive(batch, frames);
            if (frames.TryRent(out Packet packet))
            {
                packet.Length = 60;
                packet.Bytes.Clear();
                batch.Add(packet);
            }
            int taken = queue.Transmit(batch.Packets, frames);
            frames.Release(batch.Packets[taken..]);
            batch.Clear();
            queue.Arm();
        }
    }

    /// <summary>What a front-end says until packets pass, as a rule.</summary>
    private static IEnumerable<byte[]> StartUp(Random random)
    {
        yield return Say(VHOST_USER_GET_FEATURES);
        yield return Say(VHOST_USER_SET_PROTOCOL_FEATURES, VhostUserProtocol.Offered);
        yield return Say(VHOST_USER_SET_FEATURES, random.Next(4) == 0 ? Features & (ulong)random.NextInt64() : Features);
        yield return random.Next(2) == 0
            ? Say(VHOST_USER_ADD_MEM_REG, new SingleRegion(0, Region), descriptors: 1)
            : Say(VHOST_USER_SET_MEM_TABLE, new SingleRegion(1, Region), descriptors: 1);
        for (uint ring = 0; ring < 2 * Pairs; ring++)
        {
            ulong at = GuestRam.UserBase + GuestBase + (ring * 0x1000);
            yield return Say(VHOST_USER_SET_VRING_NUM, new RingStateMessage(ring, RingSize));
            yield return Say(VHOST_USER_SET_VRING_BASE, new RingStateMessage(ring, 0));
            yield return Say(VHOST_USER_SET_VRING_ADDR, new RingAddressMessage(ring, 1, at, at + 0x400, at + 0x200, GuestBase + (ring * 0x1000) + 0x400));
            yield return Say(VHOST_USER_SET_VRING_CALL, (ulong)ring, descriptors: 1);
            yield return Say(VHOST_USER_SET_VRING_KICK, (ulong)ring, descriptors: 1);
            yield return Say(VHOST_USER_SET_VRING_ENABLE, new RingStateMessage(ring, 1));
        }
        yield return Records.Make(Pass, []);
    }

    private static RegionMessage Region => new(GuestBase, MemoryBytes, GuestRam.UserBase + GuestBase, 0);

    private static byte[] AnyRecord(Random random)
    {
        byte[] content = new byte[random.Next(1, 300)];
        random.NextBytes(content);
        uint ring = (uint)random.Next((2 * Pairs) + 1);
        return random.Next(16) switch
        {
            0 => Records.Make(Message, content),
            1 => Records.Make(Message, [(byte)random.Next(3), .. VhostFrontEnd.Bytes((VhostUserRequest)random.Next(45), content)]),
            2 => Records.Make(Write, content),
            3 => Records.Make(Write, [(byte)((ring << 4) | 2), 0, 0, 0, (byte)random.Next(RingSize + 2), 0, .. content[..1], 0]), // a few buffers available
            4 => Say(VHOST_USER_GET_VRING_BASE, new RingStateMessage(ring, 0)),
            5 => Say(VHOST_USER_SET_VRING_ENABLE, new RingStateMessage(ring, (uint)random.Next(2))),
            6 => Say(VHOST_USER_SET_MEM_TABLE, new SingleRegion((ulong)random.Next(3), Region), random.Next(3)),
            7 => Say(random.Next(2) == 0 ? VHOST_USER_ADD_MEM_REG : VHOST_USER_REM_MEM_REG, new SingleRegion(0, Region), random.Next(2)),
            8 => Say(VHOST_USER_SET_LOG_BASE, new LogMessage((ulong)random.Next(MemoryBytes + 4096), (ulong)random.Next(2) * 4096), 1),
            9 => Say(VHOST_USER_SET_FEATURES, Features | VirtioFeatures.VHOST_F_LOG_ALL),
            10 => Say(random.Next(2) == 0 ? VHOST_USER_SET_VRING_KICK : VHOST_USER_SET_VRING_CALL, ring | (random.Next(2) == 0 ? 0x100ul : 0), random.Next(2)),
            11 => Say(random.Next(2) == 0 ? VHOST_USER_RESET_OWNER : VHOST_USER_RESET_DEVICE),
            12 => Say(random.Next(2) == 0 ? VHOST_USER_SEND_RARP : VHOST_USER_NET_SET_MTU, (ulong)random.Next(70_000)),
            13 => Say(VHOST_USER_SET_STATUS, (ulong)random.Next(2)),
            _ => Records.Make(Pass, []),
        };
    }

    private static byte[] Say(VhostUserRequest request) => Records.Make(Message, [0, .. VhostFrontEnd.Bytes(request, [])]);

    private static byte[] Say<T>(VhostUserRequest request, T payload, int descriptors = 0)
        where T : unmanaged => Records.Make(
            Message, [(byte)descriptors, .. VhostFrontEnd.Bytes(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)), VhostUserHeader.NeedsReply)]);
}
