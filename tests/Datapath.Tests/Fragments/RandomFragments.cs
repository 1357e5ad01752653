using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Fragments;

/// <summary>An endless mixture of fragments of several datagrams: cut anywhere, in any order, some lost, some doubled, some lying.</summary>
internal sealed class RandomFragments(int seed, int liesPercent)
{
    private const int Parallel = 6;

    private readonly Random _random = new(seed);
    private readonly List<Queue<byte[]>> _queues = [];

    public int Next(int limit) => _random.Next(limit);

    public byte[] NextFragment()
    {
        while (_queues.Count < Parallel)
        {
            _queues.Add(new Queue<byte[]>(MakeDatagram()));
        }
        int which = _random.Next(_queues.Count);
        byte[] fragment = _queues[which].Dequeue();
        if (_queues[which].Count == 0)
        {
            _queues.RemoveAt(which);
        }
        return fragment;
    }

    private List<byte[]> MakeDatagram()
    {
        // Few names, so that a later datagram meets what an earlier one left behind.
        int size = _random.Next(10) == 0 ? _random.Next(3000, 20_000) : _random.Next(20, 600);
        byte[] payload = new byte[size];
        _random.NextBytes(payload);
        byte[] frame = TestPacket.Ipv4(
            (byte)(_random.Next(2) == 0 ? 17 : 1), payload, src: 0x0a000001u + (uint)_random.Next(3), options: 4 * _random.Next(3),
            tos: (byte)(_random.Next(20) == 0 ? _random.Next(4) : 1));
        ushort identification = (ushort)_random.Next(12);
        List<byte[]> fragments = [];
        for (int offset = 0; offset < size;)
        {
            int length = Math.Min(8 * _random.Next(1, size > 600 ? 300 : 12), size - offset);
            byte[] fragment = Ipv4Fragments.Cut(frame, offset, length, offset + length < size, identification);
            if (_random.Next(30) == 0)
            {
                fragment[15] = (byte)((fragment[15] & 0xfc) | _random.Next(4));
                Ipv4Fragments.WriteChecksum(fragment);
            }
            fragments.Add(fragment);
            offset += length;
        }
        if (fragments.Count == 1)
        {
            fragments[0] = Ipv4Fragments.Cut(frame, 0, Math.Max(8, size / 8 * 8 / 2 / 8 * 8), more: true, identification);
        }
        for (int lies = fragments.Count; lies > 0; lies--)
        {
            if (_random.Next(100) < liesPercent)
            {
                fragments.Insert(_random.Next(fragments.Count + 1), Lie(frame, size, identification, fragments));
            }
        }
        fragments.RemoveAll(f => ((f[20] & 0x3f) | f[21]) == 0); // a lie that made it whole
        Shuffle(fragments);
        if (fragments.Count > 0 && _random.Next(8) == 0)
        {
            fragments.RemoveAt(_random.Next(fragments.Count)); // lost
        }
        return fragments.Count == 0 ? [Ipv4Fragments.Cut(frame, 0, 8, more: true, identification)] : fragments;
    }

    private byte[] Lie(byte[] frame, int size, ushort identification, List<byte[]> fragments)
    {
        byte[] copy = (byte[])fragments[_random.Next(fragments.Count)].Clone();
        int units = Math.Max(size / 8, 1);
        switch (_random.Next(8))
        {
            case 0: // doubled
                return copy;
            case 1: // other content
                copy[^1] ^= 0x55;
                return copy;
            case 2: // other bounds
                int offset = 8 * _random.Next(units);
                return Ipv4Fragments.Cut(frame, offset, Math.Min(8 * _random.Next(1, 9), size - offset) / 8 * 8 is int n && n > 0 ? n : size - offset, more: false, identification);
            case 3: // says it is the last, or not
                copy[20] ^= 0x20;
                return Ipv4Fragments.WriteChecksum(copy);
            case 4: // elsewhere
                (copy[20], copy[21]) = ((byte)((copy[20] & 0x20) | _random.Next(32)), (byte)_random.Next(256));
                if (((copy[20] & 0x3f) | copy[21]) == 0)
                {
                    copy[21] = 1;
                }
                return Ipv4Fragments.WriteChecksum(copy);
            case 5: // damaged
                copy[24] ^= 0x10;
                return copy;
            case 6: // nothing in it
                return Ipv4Fragments.Write(copy[..(14 + ((copy[14] & 15) * 4))], 8 * _random.Next(1, 20), more: true, identification);
            default: // no multiple of eight
                return Ipv4Fragments.Write([.. copy, 0], 8 * _random.Next(1, 50), more: true, identification);
        }
    }

    private void Shuffle(List<byte[]> fragments)
    {
        if (_random.Next(3) == 0)
        {
            return; // in order
        }
        for (int i = fragments.Count - 1; i > 0; i--)
        {
            int j = _random.Next(i + 1);
            (fragments[i], fragments[j]) = (fragments[j], fragments[i]);
        }
    }
}
