using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>A guest's memory and its rings: descriptors, tables, indices, flags and headers of any content, changed while the queue runs.</summary>
/// <remarks>
/// What is read or written outside of the regions meets the pages that stand on either side of each and may not be touched. Frames are counted, and a guest
/// that comes afterwards finds a port that works.
/// </remarks>
internal sealed unsafe class VhostRingTarget : IFuzzTarget
{
    private const int Setup = 0;
    private const int Poke = 1;
    private const int Offer = 2;
    private const int Run = 3;
    private const int Chain = 4;

    private const int Frames = 96;
    private const int LargeFrames = 4;
    private const ulong Page = 4096;

    // Two neighbours and one far away.
    private static readonly (ulong Address, ulong Bytes)[] Regions = [(0x10000, 8 * Page), (0x10000 + (8 * Page), 8 * Page), (0x1_0000_0000, 4 * Page)];

    public string Name => "vhost-ring";

    public byte[] Generate(Random random)
    {
        List<byte> input = [.. Records.Make(Setup, [(byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)])];
        for (int count = random.Next(1, 40); count > 0; count--)
        {
            input.AddRange(random.Next(8) switch
            {
                0 => Records.Make(Poke, Bytes(random, 5)),
                1 or 2 => Records.Make(Offer, Bytes(random, random.Next(2, 14))),
                3 or 4 or 5 => Records.Make(Chain, Bytes(random, 2 + (12 * random.Next(1, 8)))),
                _ => Records.Make(Run, Bytes(random, random.Next(1, 30))),
            });
        }
        return [.. input];
    }

    public IReadOnlyList<byte[]> Split(byte[] input) => Records.Split(input);

    public void Check(byte[] input)
    {
        using FramePool pool = new(Frames, 2048, LargeFrames);
        FrameCache frames = pool.CreateCache();
        using GuestRam ram = new(Regions);
        using GuestRings rings = new(pairs: 2);
        Guest guest = new(ram, rings);
        foreach ((int kind, byte[] content) in Records.Read(input))
        {
            switch (kind)
            {
                case Setup when content.Length >= 3:
                    guest.SetUp(content);
                    break;
                case Poke when content.Length >= 5:
                    *ram.At(Regions[content[0] % 3].Address + (BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(1)) % Regions[content[0] % 3].Bytes)) = content[3];
                    break;
                case Offer:
                    guest.MoveIndices(content);
                    break;
                case Chain:
                    guest.WriteDescriptors(content);
                    break;
                case Run:
                    Pass(rings, frames, content);
                    break;
            }
            frames.Drain();
            Assert.True(pool.FreeCount == Frames && pool.FreeLargeCount == LargeFrames, $"{pool.FreeCount} and {pool.FreeLargeCount} frames are free");
        }
        // Whoever comes next finds a port that works.
        rings.Reset();
        guest.AssertWorks(frames);
        frames.Drain();
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Receives and sends by both pairs; the packets' lengths and what they owe are the input's.</summary>
    private static void Pass(GuestRings rings, FrameCache frames, byte[] content)
    {
        PacketBatch batch = new();
        foreach (VhostUserQueue queue in rings.Queues)
        {
            queue.Receive(batch, frames);
            foreach (ref readonly Packet packet in batch.Packets)
            {
                Assert.InRange(packet.Length, LinkFrame.HeaderLength, Packet.MaxLength);
                Assert.True(!packet.HasOffload || frames.Offload(packet).ChecksumStart < packet.Length, "the checksum begins behind the packet");
            }
            int taken = queue.Transmit(batch.Packets, frames); // back to the guest, as it owes
            frames.Release(batch.Packets[taken..]);
            batch.Clear();
            foreach (byte size in content)
            {
                int length = size < 200 ? 14 + (size * 8) : (size - 199) * 1100;
                if (!frames.TryRent(length, out Packet packet))
                {
                    break;
                }
                packet.Length = length;
                batch.Add(packet);
                if (batch.Free == 0)
                {
                    break;
                }
            }
            taken = queue.Transmit(batch.Packets, frames);
            frames.Release(batch.Packets[taken..]);
            batch.Clear();
            _ = queue.Arm();
        }
    }

    /// <summary>A driver that does what the input says.</summary>
    private sealed class Guest(GuestRam ram, GuestRings rings)
    {
        private static readonly ulong[] Bits =
        [
            VirtioFeatures.VIRTIO_F_VERSION_1, VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF, VirtioFeatures.VIRTIO_F_RING_INDIRECT_DESC, VirtioFeatures.VIRTIO_F_RING_EVENT_IDX,
            VirtioFeatures.VIRTIO_NET_F_GUEST_CSUM | VirtioFeatures.VIRTIO_NET_F_GUEST_TSO4, VirtioFeatures.VIRTIO_NET_F_GUEST_TSO6,
            VirtioFeatures.VIRTIO_NET_F_GUEST_USO4 | VirtioFeatures.VIRTIO_NET_F_GUEST_USO6,
        ];

        private readonly GuestRing[] _rings = new GuestRing[4];
        private int _target;

        /// <summary>Features, size of the rings, where their indices begin.</summary>
        public void SetUp(byte[] content)
        {
            ulong features = 0;
            for (int bit = 0; bit < Bits.Length; bit++)
            {
                features |= (content[0] & (1 << bit)) != 0 ? Bits[bit] : 0;
            }
            int size = 1 << (content[1] % 6);
            rings.Reset();
            rings.SetFeatures(features);
            Assert.True(rings.TrySetMemory(ram.Regions(), out string why), why);
            ram.Next = Regions[0].Address;
            for (int i = 0; i < _rings.Length; i++)
            {
                GuestRing ring = _rings[i] = new GuestRing(ram, size, (features & VirtioFeatures.VIRTIO_F_RING_EVENT_IDX) != 0);
                ring.StartAt((ushort)(content[2] * 257));
                VirtQueue queue = rings.Rings[i];
                Assert.True(queue.TrySetSize((uint)size, out why), why);
                Assert.True(queue.TrySetAddresses(ring.Addresses, out why), why);
                queue.SetKick(-1);
                queue.SetEnabled(i < 2 || (content[1] & 0x40) != 0);
            }
            _target = 0;
        }

        /// <summary>A chain of descriptors into a ring or a table: a few bytes each say where it points and how it goes on.</summary>
        public void WriteDescriptors(byte[] content)
        {
            if (_rings[0] == null)
            {
                return;
            }
            int which = content[0] % 4;
            GuestRing ring = _rings[which];
            bool inTable = (content[0] & 0x80) != 0;
            ulong table = Regions[1].Address - 64; // across two regions
            int at = content[1] % ring.Size;
            ushort head = (ushort)at;
            for (int i = 2; i + 12 <= content.Length; i += 12, at++)
            {
                ReadOnlySpan<byte> wanted = content.AsSpan(i, 12);
                RingDescriptor descriptor = new() { Address = AddressOf(wanted), Length = LengthOf(wanted), Flags = FlagsOf(wanted, which % 2 == 0, i + 24 <= content.Length) };
                descriptor.Next = (wanted[11] & 0xf8) == 0 ? (ushort)(wanted[10] * 9) : (ushort)(at + 1);
                if (inTable)
                {
                    ram.Write(table + (ulong)((i - 2) / 12 * RingDescriptor.Size), new ReadOnlySpan<byte>(&descriptor, RingDescriptor.Size));
                }
                else
                {
                    ring.Descriptors[at % ring.Size] = descriptor;
                }
            }
            ring.AvailableEntry(ring.AvailableIndex) = (content[1] & 0xf0) == 0xf0 ? (ushort)(content[1] * 31) : head;
            ring.AvailableIndex++;
        }

        /// <summary>Makes what is there available, a few entries or an absurd number.</summary>
        public void MoveIndices(byte[] content)
        {
            for (int i = 0; i + 2 <= content.Length && _rings[0] != null; i += 2)
            {
                GuestRing ring = _rings[_target++ % 4];
                ring.AvailableIndex += content[i] > 250 ? (ushort)(content[i + 1] * 251) : (ushort)(content[i] % (ring.Size + 1));
                ring.AvailableFlags = content[i + 1];
                ring.UsedEvent = content[i + 1];
            }
        }

        public void AssertWorks(FrameCache frames)
        {
            ram.Next = Regions[0].Address;
            GuestNic nic = new(ram, 4, VirtioFeatures.VIRTIO_F_VERSION_1, bufferSize: 256, longest: 100);
            nic.StartAt(0);
            nic.Fill();
            rings.SetFeatures(VirtioFeatures.VIRTIO_F_VERSION_1);
            Assert.True(rings.TrySetMemory(ram.Regions(), out string why), why);
            nic.Attach(rings);
            byte[] good = TestPacket.Udp();
            Assert.True(nic.TrySend(good));
            PacketBatch batch = new();
            Assert.Equal(1, rings.Queues[0].Receive(batch, frames));
            Assert.Equal(1, rings.Queues[0].Transmit(batch.Packets, frames));
            Assert.Equal(good, nic.Receive(out _));
        }

        private static ulong AddressOf(ReadOnlySpan<byte> wanted)
        {
            ulong inside = BinaryPrimitives.ReadUInt16LittleEndian(wanted[1..]);
            return (wanted[0] % 16) switch
            {
                0 => BinaryPrimitives.ReadUInt64LittleEndian(wanted[1..]),
                1 => Regions[2].Address + Regions[2].Bytes - (inside % 100),
                2 => ulong.MaxValue - (inside % 100),
                3 or 4 => Regions[1].Address - (inside % 200),
                5 => Regions[1].Address - 64, // the table
                6 => 0,
                7 or 8 => Regions[2].Address + (inside % Regions[2].Bytes),
                _ => Regions[0].Address + (inside % (14 * Page)),
            };
        }

        private static uint LengthOf(ReadOnlySpan<byte> wanted)
        {
            uint value = BinaryPrimitives.ReadUInt32LittleEndian(wanted[4..]);
            return (wanted[3] % 10) switch
            {
                0 => value,
                1 => value % 16,
                2 => 16 * (value % 9),
                3 => value % 70_000,
                _ => 26 + (value % 1500),
            };
        }

        private static ushort FlagsOf(ReadOnlySpan<byte> wanted, bool isWritten, bool goesOn)
        {
            int flags = (isWritten ? RingDescriptor.VIRTQ_DESC_F_WRITE : 0) | (goesOn ? RingDescriptor.VIRTQ_DESC_F_NEXT : 0);
            return (wanted[9] % 12) switch
            {
                0 => wanted[8],
                1 or 2 => RingDescriptor.VIRTQ_DESC_F_INDIRECT,
                _ => (ushort)flags,
            };
        }
    }
}
