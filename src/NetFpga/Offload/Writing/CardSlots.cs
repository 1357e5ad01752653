using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>The exact table of the card: its content, the steps to new content, and its counters.</summary>
/// <remarks>
/// A slot begins to match at once when the word with the active bit is written, and ends at once when that word is written 0 (docs/netfpga-hardware.md,
/// rule 11). While a rewrite is replaced the slot punts, as its frames must not fall to the rows. A flow moves by a copy into its other slot; both are
/// equal for that time.
/// <para>
/// The software counts the frames of a slot that punts. So counters are read just before a slot begins to forward and just after it stops. Frames that come
/// between the two accesses, one or two microseconds apart, are counted twice; no frame is missed.
/// </para>
/// <para>Register writes: at most 20 for an entry, 21 for a move, 1 to take one out, 1 for other outputs, at most 11 for other rewrites.</para>
/// </remarks>
internal sealed class CardSlots(IRegisterAccess registers, Action<CardFlow, uint, uint> credit)
{
    private const int LastWord = KeyWords.Count - 1;

    // Flags of rewrites, above the destination bitmap. Without a flag the words after the first action word mean nothing.
    private const uint RewriteFlags = 0xffff0000;

    private readonly SlotRegisters _slots = new(registers);
    private readonly CardFlow?[] _flows = new CardFlow?[CardRegisters.SlotCount];
    private readonly State[] _states = new State[CardRegisters.SlotCount];

    // The content of the card's memory, without counters. The active bit is set here even if the slot is off.
    private readonly SlotImage[] _images = new SlotImage[CardRegisters.SlotCount];
    private readonly bool[] _punts = new bool[CardRegisters.SlotCount];

    private enum State : byte
    {
        /// <summary>Nothing is known; it may be active.</summary>
        Unknown,

        /// <summary>Not active.</summary>
        Off,

        /// <summary>Not active, and its memory holds the image.</summary>
        Dormant,

        On,
    }

    /// <summary>Slots that are active.</summary>
    public int Used { get; private set; }

    public bool IsOn(int slot) => _states[slot] == State.On;

    /// <summary>Slots that may still be active after a failure, although they should not.</summary>
    public int MayBeOnCount => Enumerable.Range(0, CardRegisters.SlotCount).Count(MayBeOn);

    /// <summary>Takes one step.</summary>
    public void Apply(SlotChange change)
    {
        switch (change)
        {
            case SlotChange.Enter enter:
                Enter(enter.Slot, enter.Flow);
                break;
            case SlotChange.Move move:
                // The flow may have been modified since: the move copies the slot's old content.
                Enter(move.To, move.Flow, _images[move.From], _punts[move.From]);
                Leave(move.From);
                break;
            case SlotChange.Update update:
                Update(update.Slot, update.Flow);
                break;
            case SlotChange.Replace replace:
                Replace(replace.Slot, replace.Flow);
                break;
            case SlotChange.Leave leave:
                Leave(leave.Slot);
                break;
        }
    }

    /// <summary>Writes a flow's image into a slot that is off.</summary>
    public void Enter(int slot, CardFlow flow) => Enter(slot, flow, flow.SlotImage, flow.SlotPunts);

    /// <summary>Switches off every slot that may be on, then takes their counters; no row may be left that this exposes.</summary>
    public void Clear()
    {
        List<int> off = [];
        for (int slot = 0; slot < CardRegisters.SlotCount; slot++)
        {
            if (MayBeOn(slot))
            {
                SwitchOff(slot);
            }
            if (_flows[slot] != null)
            {
                off.Add(slot);
            }
        }
        if (off.Count == 0)
        {
            return;
        }
        Pipeline.Drain(registers);
        foreach (int slot in off)
        {
            Take(slot);
            _flows[slot] = null;
        }
    }

    /// <summary>The card lost its tables, or writes may have: what slots hold has to be written anew.</summary>
    public void Invalidate()
    {
        for (int slot = 0; slot < CardRegisters.SlotCount; slot++)
        {
            Set(slot, MayBeOn(slot) ? State.Unknown : State.Off);
        }
    }

    /// <summary>Counts a slot's hits.</summary>
    public void Poll(int slot)
    {
        if (_states[slot] == State.On && !_punts[slot])
        {
            Take(slot);
        }
    }

    /// <summary>The first active slot from one on, round the end; null if there is none.</summary>
    public int? NextOn(int slot)
    {
        for (int i = 0; Used > 0 && i < CardRegisters.SlotCount; i++)
        {
            int next = (slot + i) % CardRegisters.SlotCount;
            if (IsOn(next))
            {
                return next;
            }
        }
        return null;
    }

    /// <summary>Whether an active slot holds what it should.</summary>
    public bool IsIntact(int slot) => _slots.Holds(slot, _images[slot]);

    /// <summary>Writes once more what an active slot should hold.</summary>
    public void Repair(int slot)
    {
        SlotImage image = _images[slot];
        _slots.WriteAction(slot, 0, PuntWord(image)); // until its other words are right
        for (int i = 1; i < ActionWords.Count; i++)
        {
            _slots.WriteAction(slot, i, image.Action[i]);
        }
        for (int i = 0; i < KeyWords.Count; i++)
        {
            registers.Write(CardRegisters.Exact + ((uint)slot * CardRegisters.SlotStride) + (4 * (uint)i), image.Value[i]);
        }
        _slots.WriteAction(slot, 0, image.Action[0]);
    }

    private void Enter(int slot, CardFlow flow, in SlotImage image, bool punts)
    {
        if (_states[slot] == State.Unknown)
        {
            SwitchOff(slot);
        }
        bool inPlace = _states[slot] == State.Dormant && _images[slot] == image;
        Set(slot, State.Unknown);
        _images[slot] = image;
        _punts[slot] = punts;
        if (inPlace)
        {
            _slots.WriteLast(slot, image.Value[LastWord]);
        }
        else
        {
            _slots.Write(slot, image);
        }
        _flows[slot] = flow;
        Set(slot, State.On);
    }

    private void Leave(int slot)
    {
        SwitchOff(slot);
        Pipeline.Drain(registers);
        Take(slot);
        _flows[slot] = null;
    }

    private void SwitchOff(int slot)
    {
        bool wasOn = _states[slot] == State.On;
        Set(slot, State.Unknown);
        _slots.WriteLast(slot, 0);
        Set(slot, wasOn ? State.Dormant : State.Off);
    }

    private bool MayBeOn(int slot) => _states[slot] is State.Unknown or State.On;

    private void Set(int slot, State state)
    {
        Used += (state == State.On ? 1 : 0) - (_states[slot] == State.On ? 1 : 0);
        _states[slot] = state;
    }

    /// <summary>Another flow of the same match: the old one's hits end here.</summary>
    private void Replace(int slot, CardFlow flow)
    {
        if (!_punts[slot])
        {
            bool same = !flow.SlotPunts && flow.SlotImage == _images[slot];
            if (!same)
            {
                Update(slot, flow);
            }
            if (same || !flow.SlotPunts)
            {
                Pipeline.Drain(registers);
                Take(slot);
            }
            _flows[slot] = flow;
            return;
        }
        _flows[slot] = flow;
        Update(slot, flow);
    }

    private void Update(int slot, CardFlow flow)
    {
        SlotImage image = flow.SlotImage;
        Set(slot, State.Unknown); // until all of it is written
        bool rewrites = (image.Action[0] & RewriteFlags) != 0;
        if (rewrites && !SameRewrites(image.Action, _images[slot].Action))
        {
            Decide(slot, PuntWord(image), punts: true);
            ActionWords words = _images[slot].Action;
            for (int i = 1; i < ActionWords.Count; i++)
            {
                if (words[i] != image.Action[i])
                {
                    _slots.WriteAction(slot, i, image.Action[i]);
                    words[i] = image.Action[i];
                }
            }
            _images[slot] = _images[slot] with { Action = words };
        }
        Decide(slot, image.Action[0], flow.SlotPunts);
        Set(slot, State.On);
    }

    /// <summary>Writes the word that says where frames go and whether they are rewritten.</summary>
    private void Decide(int slot, uint word, bool punts)
    {
        if (_images[slot].Action[0] == word && _punts[slot] == punts)
        {
            return;
        }
        if (_punts[slot] && !punts)
        {
            Discard(slot);
        }
        _slots.WriteAction(slot, 0, word);
        ActionWords words = _images[slot].Action;
        words[0] = word;
        _images[slot] = _images[slot] with { Action = words };
        if (!_punts[slot] && punts)
        {
            Pipeline.Drain(registers);
            Take(slot);
        }
        _punts[slot] = punts;
    }

    private void Take(int slot)
    {
        uint packets = _slots.TakePackets(slot);
        if (!_punts[slot])
        {
            credit(_flows[slot]!, packets, 0); // at once: it is gone from the card, and the next read may fail
        }
        uint bytes = _slots.TakeBytes(slot);
        if (!_punts[slot])
        {
            credit(_flows[slot]!, 0, bytes);
        }
    }

    private void Discard(int slot)
    {
        _slots.TakePackets(slot);
        _slots.TakeBytes(slot);
    }

    private static bool SameRewrites(in ActionWords one, in ActionWords other) => ((ReadOnlySpan<uint>)one)[1..].SequenceEqual(((ReadOnlySpan<uint>)other)[1..]);

    /// <summary>Bitmap of the host's queue for the port in the image, no flags.</summary>
    private static uint PuntWord(in SlotImage image)
    {
        KeyWords value = image.Value;
        return CardPort.QueueBit((int)KeyFields.Source.Get(value) / 2);
    }
}
